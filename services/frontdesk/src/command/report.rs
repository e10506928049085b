//! `frontdesk report`: a week in figures, what is unusual, and what people were told.
//!
//! The invariant: nothing is sent unless it is asked for by name.

use domain::id::RequestId;
use jiff::Timestamp;
use serde_json::{Value, json};

use super::{Answer, Desk, Failure, say::listed};

pub(super) const EXAMPLES: &str = "\
Examples:
  frontdesk report                           the last week that has ended, beside the one before
  frontdesk report --at 2025-10-28T00:00:00Z the week of that moment
  frontdesk report --publish                 writes it to the books and sends it, unless that was done
  frontdesk report --publish --again         sends it once more
  frontdesk report --anomalies               what is unusual now; exit code 1 if anything is
  frontdesk report --notices                 what people were told, and how far it is; exit code 1 if any is parked";

/// What is shown of an anomaly, and of a notice.
const ANOMALY: [&str; 5] = ["kind", "title", "threshold", "next_check", "anomaly_id"];
const NOTICE: [&str; 7] = ["create_time", "channel", "kind", "state", "tries", "problem", "notice_id"];
/// Notices that are shown.
const SHOWN: u32 = 50;

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// A moment of the week that is meant, or as of when something is unusual, in RFC 3339
    #[arg(long, value_name = "TIME")]
    at: Option<Timestamp>,

    /// Writes the week to the books and sends it
    #[arg(long, conflicts_with_all = ["anomalies", "notices"])]
    publish: bool,

    /// Sends it although it was sent
    #[arg(long, requires = "publish")]
    again: bool,

    /// Shows what is unusual instead
    #[arg(long, conflicts_with = "notices")]
    anomalies: bool,

    /// Shows what people were told instead
    #[arg(long, conflicts_with = "at")]
    notices: bool,
}

pub(super) async fn run(desk: &Desk, args: &Args) -> Result<Answer, Failure> {
    let mut request = json!({});
    if let Some(at) = args.at {
        request["at_time"] = at.to_string().into();
    }
    if args.anomalies {
        let found = desk.report("ReportService/FindAnomalies", request).await?;
        return Ok(list(found, "anomalies", &ANOMALY, |_| false));
    }
    if args.notices {
        let found = desk.report("NotifyService/ListNotices", json!({"page_size": SHOWN})).await?;
        return Ok(list(found, "notices", &NOTICE, |notice| notice["state"] != "parked"));
    }
    if !args.publish {
        let found = desk.report("ReportService/GetWeeklySummary", request).await?;
        return Ok(told(found, ""));
    }
    request["request_id"] = RequestId::generate(Timestamp::now()).to_string().into();
    request["again"] = args.again.into();
    let found = desk.report("ReportService/PublishWeeklySummary", request).await?;
    let what =
        if found["published"] == true { "Sent." } else { "It was sent before; --again sends it once more." };
    Ok(told(found, what))
}

/// A list that is sound if each of it is.
fn list(found: Value, name: &str, columns: &[&str], sound: impl Fn(&Value) -> bool) -> Answer {
    let all = found[name].as_array().cloned().unwrap_or_default();
    let text = listed(&all, columns);
    let sound = all.iter().all(sound);
    Answer::new(found, text).sound(sound)
}

fn told(found: Value, what: &str) -> Answer {
    // Names of campaigns come from outside; each line is shown as one.
    let lines = found["text"].as_str().unwrap_or_default().lines().map(super::table::plain);
    let lines: Vec<String> = lines.chain((!what.is_empty()).then(|| what.to_owned())).collect();
    Answer::new(found, lines.join("\n"))
}
