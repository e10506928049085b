//! `frontdesk report`: a week in figures, what is unusual, and what people were told.
//!
//! The invariant: nothing is sent unless it is asked for by name.

use domain::id::RequestId;
use jiff::{Timestamp, civil::Date};
use serde_json::{Value, json};

use super::{Answer, Desk, Failure, say::listed};

pub(super) const EXAMPLES: &str = "\
Examples:
  frontdesk report                           the last week that has ended, beside the one before
  frontdesk report --at 2025-10-28           the week of that day, in the report's time zone
  frontdesk report --publish                 writes it to the books and sends it, unless that was done
  frontdesk report --publish --again         sends it once more
  frontdesk report --anomalies               what is unusual now; exit code 1 if anything is
  frontdesk report --notices                 what people were told, and how far it is; exit code 1 if any is parked";

/// What is shown of an anomaly, and of a notice.
const ANOMALY: [&str; 5] = ["kind", "title", "threshold", "next_check", "anomaly_id"];
const NOTICE: [&str; 7] = ["create_time", "channel", "kind", "state", "tries", "problem", "notice_id"];
/// Notices that are shown.
const SHOWN: u32 = 50;

/// What is said where no way to people is set up.
const NOBODY: &str = "It stands in the books. Nobody is told: neither SLACK_WEBHOOK_URL nor SMTP_URL is set.";

/// A day, which has its time zone where it is asked, or a moment.
#[derive(Clone, Copy, Debug, PartialEq)]
enum At {
    Day(Date),
    Moment(Timestamp),
}

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// A day of the week that is meant, or at the end of which something is unusual; or a moment in RFC 3339
    #[arg(long, value_name = "DAY", value_parser = At::parse)]
    at: Option<At>,

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

// === impl At ===

impl At {
    fn parse(text: &str) -> Result<Self, &'static str> {
        let day = || Date::strptime("%Y-%m-%d", text).map(Self::Day);
        let at = text.parse().map(Self::Moment).or_else(|_| day());
        at.map_err(|_| "must be a day such as 2025-10-28, or a moment such as 2025-10-28T09:00:00Z")
    }
}

pub(super) async fn run(desk: &Desk, args: &Args) -> Result<Answer, Failure> {
    let mut request = json!({});
    match args.at {
        Some(At::Day(day)) => request["day"] = day.to_string().into(),
        Some(At::Moment(at)) => request["at_time"] = at.to_string().into(),
        None => {}
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
    let what = sent(&found);
    Ok(told(found, what))
}

/// What became of a week that was published.
fn sent(found: &Value) -> &'static str {
    match (found["channels"].as_array(), found["published"].as_bool()) {
        (ways, _) if ways.is_none_or(Vec::is_empty) => NOBODY,
        (_, Some(true)) => "Sent.",
        _ => "It was sent before; --again sends it once more.",
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_said_to_be_sent_where_nobody_is_told() {
        for nobody in [json!({"published": true, "channels": []}), json!({"published": true})] {
            assert_eq!(sent(&nobody), NOBODY);
        }
        assert_eq!(sent(&json!({"published": true, "channels": ["slack"]})), "Sent.");
        assert!(sent(&json!({"published": false, "channels": ["slack"]})).contains("--again"));
    }

    #[test]
    fn a_day_or_a_moment_is_meant() {
        assert_eq!(At::parse("2025-10-28"), Ok(At::Day(Date::constant(2025, 10, 28))));
        assert_eq!(At::parse("1970-01-01T01:00:00+01:00"), Ok(At::Moment(Timestamp::UNIX_EPOCH)));
        assert!(["2025-10", "2025-10-28T09:00", "monday"].into_iter().all(|text| At::parse(text).is_err()));
    }
}
