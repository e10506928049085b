//! `frontdesk events`: what goes out to other programs, and what came of it.

use serde_json::{Value, json};

use super::{
    Answer, Desk, Failure,
    progress::Progress,
    say::{described, listed},
};

pub(super) const EXAMPLES: &str = "\
Examples:
  frontdesk events list --state parked       exit code 0 whether there are any or not
  frontdesk events resend DELIVERY_ID
  frontdesk events resend --destination n8n  all that are parked
  frontdesk events test n8n --type lead.created
  frontdesk events types --schema lead.created";

/// What a list shows of a delivery.
const COLUMNS: [&str; 7] =
    ["delivery_id", "destination", "event_type", "event_id", "attempts", "status", "error"];

#[derive(Debug, clap::Subcommand)]
pub(super) enum Command {
    /// Shows deliveries by where they stand
    List {
        /// Where they stand
        #[arg(long, default_value = "waiting", value_parser = ["waiting", "parked", "done"])]
        state: String,

        /// Only to this destination
        #[arg(long, value_name = "NAME")]
        destination: Option<String>,

        /// At most so many; 0 shows all
        #[arg(long, default_value = "100")]
        limit: usize,
    },
    /// Makes a delivery due again, or all parked ones of a destination
    Resend {
        /// The delivery
        #[arg(required_unless_present = "destination", conflicts_with = "destination")]
        delivery_id: Option<String>,

        /// All parked ones of this destination
        #[arg(long, value_name = "NAME")]
        destination: Option<String>,
    },
    /// Sends a sample to a destination now; exit code 1 unless it is taken
    Test {
        /// Name of the destination
        destination: String,

        /// Which type's sample
        #[arg(long = "type", value_name = "TYPE", default_value = "chat.turn")]
        event_type: String,
    },
    /// Shows what is sent, by type and version
    Types {
        /// The JSON schema of this type's bodies
        #[arg(long, value_name = "TYPE")]
        schema: Option<String>,
    },
    /// Shows where events go
    Destinations,
}

pub(super) async fn run(desk: &Desk, command: Command) -> Result<Answer, Failure> {
    match command {
        Command::List { state, destination, limit } => list(desk, &state, destination, limit).await,
        Command::Resend { delivery_id, destination } => {
            let text = |given: Option<String>| given.unwrap_or_default();
            let request = json!({"delivery_id": text(delivery_id), "destination": text(destination)});
            let done = desk.call("DeliveryService/ResendDelivery", request).await?;
            let text = format!("{} deliveries are due again", done["resent"]);
            Ok(Answer::new(done, text))
        }
        Command::Test { destination, event_type } => {
            let request = json!({"destination": destination, "event_type": event_type});
            let outcome = desk.call("DeliveryService/TestDelivery", request).await?;
            let (text, delivered) = (described(&outcome), outcome["delivered"] == true);
            Ok(Answer::new(outcome, text).sound(delivered))
        }
        Command::Types { schema } => types(desk, schema).await,
        Command::Destinations => {
            let found = desk.call("DeliveryService/ListDestinations", json!({})).await?;
            let columns = ["name", "origin", "types", "workflows", "sites", "signed", "switched_off"];
            let text = listed(entries(&found, "destinations"), &columns);
            Ok(Answer::new(found, text))
        }
    }
}

async fn list(
    desk: &Desk,
    state: &str,
    destination: Option<String>,
    limit: usize,
) -> Result<Answer, Failure> {
    let request = json!({"state": state, "destination": destination.unwrap_or_default()});
    let progress = Progress::of("deliveries");
    let rpc = "DeliveryService/ListDeliveries";
    let (deliveries, more) = desk.first(limit, rpc, &request, "deliveries", progress).await?;
    let mut text = listed(&deliveries, &COLUMNS);
    if more {
        text.push_str(&format!("\nthere are more than {limit}; --limit 0 shows all"));
    }
    Ok(Answer::new(json!({"deliveries": deliveries, "more": more}), text))
}

async fn types(desk: &Desk, wanted: Option<String>) -> Result<Answer, Failure> {
    let found = desk.call("DeliveryService/ListEventTypes", json!({})).await?;
    let Some(wanted) = wanted else {
        let text = listed(entries(&found, "event_types"), &["event_type", "version", "description"]);
        return Ok(Answer::new(found, text));
    };
    // The last one is the newest version.
    let kind = entries(&found, "event_types").iter().rev().find(|kind| kind["event_type"] == wanted);
    let kind =
        kind.ok_or_else(|| Failure::Absent(format!("there is no type {wanted}; events types shows all")))?;
    let schema = kind["schema_json"].as_str().unwrap_or_default();
    let schema: Value =
        serde_json::from_str(schema).map_err(|_| Failure::Failed("the schema is not JSON".into()))?;
    let text = format!("{schema:#}");
    Ok(Answer::new(schema, text))
}

fn entries<'a>(answer: &'a Value, name: &str) -> &'a [Value] {
    answer[name].as_array().map(Vec::as_slice).unwrap_or_default()
}
