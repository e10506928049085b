//! `frontdesk inbox`: what came in from other programs, at every service, what a service failed to do by itself, and one
//! more try.
//!
//! The invariant: a message is looked for everywhere before it is said to be nowhere.

use gateway::erasure::KEEPERS;
use prost::Message as _;
use proto::common::v1::ListInboxResponse;
use serde_json::{Value, json};

use super::{
    Answer, Desk, Failure,
    say::{described, listed, said},
    wire,
};

pub(super) const EXAMPLES: &str = "\
Examples:
  frontdesk inbox list --state parked        exit code 0 whether there are any or not
  frontdesk inbox list --service booking-payments
  frontdesk inbox list --source tellings     what the books or a chat are to be told
  frontdesk inbox list --source till_tasks   what is to be done for a link to pay
  frontdesk inbox show MESSAGE_ID --json | jq .body
  frontdesk inbox replay MESSAGE_ID          exit code 1 if it fails again
  frontdesk inbox list --state parked --source tellings --json | jq -r '.messages[].message_id' |
    xargs -rn1 frontdesk inbox replay        all that are parked";

/// What a list shows of a message.
const COLUMNS: [&str; 8] =
    ["service", "message_id", "source", "type", "state", "receive_time", "tries", "problem"];
/// Messages of a page.
const PAGE: usize = 500;

#[derive(Debug, clap::Subcommand)]
pub(super) enum Command {
    /// Shows what a service failed to do by itself, then what came in, the newest first
    List {
        /// Only where it is so far
        #[arg(long, value_parser = ["waiting", "done", "parked"])]
        state: Option<String>,

        /// Only from this source, e.g. stripe or tellings
        #[arg(long, value_name = "NAME", default_value = "", hide_default_value = true)]
        source: String,

        /// At most so many of each service; 0 shows all
        #[arg(long, default_value = "100")]
        limit: usize,

        #[command(flatten)]
        at: At,
    },
    /// Shows one message with all that is kept of it
    Show {
        /// The message
        message_id: String,

        #[command(flatten)]
        at: At,
    },
    /// Works on a message once more; what it already did, it does not do again
    Replay {
        /// The message
        message_id: String,

        #[command(flatten)]
        at: At,
    },
}

/// Whose inbox is meant.
#[derive(Debug, clap::Args)]
pub(super) struct At {
    /// Only this service's, e.g. sheets-writer
    #[arg(long, value_name = "NAME")]
    service: Option<String>,
}

pub(super) async fn run(desk: &Desk, command: Command) -> Result<Answer, Failure> {
    match command {
        Command::List { state, source, limit, at } => {
            let mut request = json!({"page_size": PAGE, "source": source});
            if let Some(state) = state {
                request["state"] = state.into();
            }
            list(desk, request, limit, &at.services()?).await
        }
        Command::Show { message_id, at } => show(desk, &message_id, &at.services()?).await,
        Command::Replay { message_id, at } => replay(desk, &message_id, &at.services()?).await,
    }
}

// === impl At ===

impl At {
    fn services(self) -> Result<Vec<&'static str>, Failure> {
        let names = KEEPERS.iter().map(|keeper| keeper.name);
        let Some(wanted) = self.service else { return Ok(names.collect()) };
        match names.clone().find(|name| *name == wanted) {
            Some(name) => Ok(vec![name]),
            None => {
                let known: Vec<_> = names.collect();
                Err(Failure::Usage(format!("--service must be one of {}", known.join(", "))))
            }
        }
    }
}

async fn list(
    desk: &Desk,
    request: Value,
    limit: usize,
    services: &[&'static str],
) -> Result<Answer, Failure> {
    let (mut messages, mut more) = (Vec::new(), false);
    for service in services {
        let (found, left) = first(desk, service, request.clone(), limit).await?;
        messages.extend(found.into_iter().map(|message| of(service, message)));
        more |= left;
    }
    let mut text = listed(&messages, &COLUMNS);
    if more {
        text.push_str(&format!("\nthere are more than {limit} of a service; --limit 0 shows all"));
    }
    Ok(Answer::new(json!({"messages": messages, "more": more}), text))
}

/// The first messages of a service, and whether there are more.
async fn first(
    desk: &Desk,
    service: &str,
    mut request: Value,
    limit: usize,
) -> Result<(Vec<Value>, bool), Failure> {
    let mut messages = Vec::new();
    loop {
        let mut page = wire::decode(&desk.operate(service, "ListInbox", request.clone()).await?);
        messages.extend(page["messages"].as_array_mut().map(std::mem::take).unwrap_or_default());
        request["page_token"] = page["next_page_token"].take();
        let last = request["page_token"].as_str().is_none_or(str::is_empty);
        if limit > 0 && messages.len() >= limit {
            let more = !last || messages.len() > limit;
            messages.truncate(limit);
            return Ok((messages, more));
        }
        if last {
            return Ok((messages, false));
        }
    }
}

async fn show(desk: &Desk, message_id: &str, services: &[&'static str]) -> Result<Answer, Failure> {
    for service in services {
        let request = json!({"message_id": message_id});
        let found = match desk.operate(service, "ListInbox", request).await {
            Err(Failure::Absent(_)) => continue,
            found => found?,
        };
        let mut page = wire::decode(&found);
        let Some(message) = page["messages"].get_mut(0).map(Value::take) else { continue };
        let body = ListInboxResponse::decode(found.encode_to_vec().as_slice())
            .map_err(|_| Failure::Failed("the answer is not of the contract".into()))?
            .messages
            .swap_remove(0)
            .body;
        let mut message = of(service, message);
        message["body"] = readable(&body);
        let shown = match &message["body"] {
            Value::String(text) => super::table::plain(text),
            body => format!("{body:#}"),
        };
        let mut head = message.clone();
        head["body"] = Value::Null;
        let text = format!("{}\n\n{shown}", described(&head));
        return Ok(Answer::new(message, text));
    }
    Err(unknown(message_id))
}

async fn replay(desk: &Desk, message_id: &str, services: &[&'static str]) -> Result<Answer, Failure> {
    for service in services {
        let request = json!({"message_id": message_id});
        match desk.operate(service, "ReplayInbox", request).await {
            Err(Failure::Absent(_)) => {}
            replayed => {
                let message = of(service, wire::decode(&replayed?)["message"].take());
                let is_sound = succeeded(&message);
                let text = described(&message);
                return Ok(Answer::new(message, text).sound(is_sound));
            }
        }
    }
    Err(unknown(message_id))
}

/// A message, and whose it is; without the body, which only the answer about one message has.
fn of(service: &str, mut message: Value) -> Value {
    message["service"] = service.into();
    message.as_object_mut().map(|members| members.remove("body"));
    message
}

/// What came, as JSON if it is that, else as text.
fn readable(body: &[u8]) -> Value {
    serde_json::from_slice(body).unwrap_or_else(|_| String::from_utf8_lossy(body).into())
}

/// What comes due again and again waits for its next time once it was done.
fn succeeded(message: &Value) -> bool {
    let is = |name: &str| said(&message[name]);
    is("state") == "done" || (is("state") == "waiting" && is("problem").is_empty())
}

fn unknown(message_id: &str) -> Failure {
    // A job of a service's own is not kept once it is done.
    let why = if message_id.contains('/') {
        "there is no such job: it never was, or it is done"
    } else {
        "there is no such message"
    };
    Failure::Absent(why.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_service_is_one_of_those_that_keep_anything() {
        let at = |service: Option<&str>| At { service: service.map(str::to_owned) }.services();
        assert_eq!(
            at(None).unwrap(),
            [
                "session-broker",
                "chat-agent",
                "booking-payments",
                "whop-gateway",
                "ops-copilot",
                "sheets-writer"
            ]
        );
        assert_eq!(at(Some("chat-agent")).unwrap(), ["chat-agent"]);
        let why = "--service must be one of session-broker, chat-agent, booking-payments, whop-gateway, ops-copilot, sheets-writer";
        assert_eq!(at(Some("gateway")).unwrap_err(), Failure::Usage(why.into()));
    }

    #[test]
    fn a_try_succeeded_unless_it_left_a_problem() {
        for (state, problem, sound) in [
            ("done", "", true),
            ("waiting", "", true),
            ("waiting", "stripe is away", false),
            ("parked", "it is refused", false),
        ] {
            assert_eq!(succeeded(&json!({"state": state, "problem": problem})), sound, "{state} {problem}");
        }
    }

    #[test]
    fn what_came_is_readable() {
        assert_eq!(readable(br#"{"a":1}"#), json!({"a": 1}));
        assert_eq!(readable(b"a=1&b=\xff"), json!("a=1&b=\u{fffd}"));
    }
}
