//! `frontdesk reconcile`: what happened at the calendar, the till and Whop, and no webhook brought.
//!
//! A service does a bounded portion a call; this goes on until everything was looked at. The invariant: a provider
//! that does not get on is not asked for ever.

use jiff::{Span, SpanRelativeTo, Timestamp};
use serde_json::{Value, json};

use super::{Answer, Desk, Failure, progress::Progress, say::listed, wire};

pub(super) const EXAMPLES: &str = "\
Examples:
  frontdesk reconcile                        from where the last look ended
  frontdesk reconcile --since 2d             exit code 1 if a provider cannot be asked
  frontdesk reconcile --since 2025-10-28T00:00:00Z --provider stripe
  frontdesk reconcile --since 7d --json | jq '.providers[].missed_ids'";

/// The rpc that looks.
const LOOK: &str = "ReconciliationService/Reconcile";
/// Who looks, and at whom.
const LOOKERS: [(&str, &[&str]); 2] =
    [(booking_payments::NAME, &["calcom", "stripe"]), (whop_gateway::NAME, &["whop"])];
/// What is shown of a provider.
const COLUMNS: [&str; 5] = ["provider", "seen", "missed", "until", "problem"];

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// From when on: so long ago, such as 2d or 36h, or a time in RFC 3339
    #[arg(long, value_name = "SINCE", value_parser = since)]
    since: Option<Timestamp>,

    /// Only this one
    #[arg(long, value_parser = ["calcom", "stripe", "whop"])]
    provider: Option<String>,
}

pub(super) async fn run(desk: &Desk, args: &Args) -> Result<Answer, Failure> {
    let mut progress = Progress::of("things looked at");
    let only = args.provider.as_deref().unwrap_or_default();
    let mut sums: Vec<Sum> = Vec::new();
    for (service, _) in LOOKERS.iter().filter(|(_, at)| only.is_empty() || at.contains(&only)) {
        for found in look(desk, service, args.since, only).await? {
            let mut sum = Sum::of(found);
            let before: u64 = sums.iter().map(Sum::seen).sum();
            progress.at(before + sum.seen(), None);
            while sum.goes_on() {
                let found = look(desk, service, args.since, &sum.provider()).await?;
                sum.add(found.into_iter().next().unwrap_or_default());
                progress.at(before + sum.seen(), None);
            }
            sums.push(sum);
        }
    }
    drop(progress);
    Ok(answer(sums))
}

async fn look(
    desk: &Desk,
    service: &str,
    since: Option<Timestamp>,
    provider: &str,
) -> Result<Vec<Value>, Failure> {
    let mut request = json!({"provider": provider});
    if let Some(since) = since {
        request["since"] = since.to_string().into();
    }
    let mut found = wire::decode(&desk.ask(service, LOOK, request).await?);
    Ok(found["providers"].as_array_mut().map(std::mem::take).unwrap_or_default())
}

fn answer(sums: Vec<Sum>) -> Answer {
    let providers: Vec<Value> = sums.into_iter().map(|sum| sum.found).collect();
    let sound = providers.iter().all(|found| found["problem"] == "" && found["more"] == false);
    let mut text = listed(&providers, &COLUMNS);
    for found in &providers {
        let missed = found["missed_ids"].as_array().map(Vec::as_slice).unwrap_or_default();
        if !missed.is_empty() {
            let ids: Vec<String> = missed.iter().map(|id| format!("  {}", super::say::said(id))).collect();
            let of = super::say::said(&found["provider"]);
            text.push_str(&format!("\n\n{of}: no webhook had brought\n{}", ids.join("\n")));
        }
    }
    Answer::new(json!({"providers": providers}), text).sound(sound)
}

/// `2d`, `36h` or a time, which has passed.
fn since(text: &str) -> Result<Timestamp, String> {
    let now = Timestamp::now();
    let ago = || {
        let span: Span = text.parse().ok()?;
        now.checked_sub(span.to_duration(SpanRelativeTo::days_are_24_hours()).ok()?).ok()
    };
    let time = text.parse().ok().or_else(ago);
    time.filter(|time| *time <= now)
        .ok_or_else(|| "must be 2d, 36h, or a time that has passed in RFC 3339".to_owned())
}

/// What was found at one provider, in all portions.
struct Sum {
    found: Value,
    /// It does not get on.
    stands: bool,
}

// === impl Sum ===

impl Sum {
    fn of(found: Value) -> Self {
        Self { found, stands: false }
    }

    fn provider(&self) -> String {
        super::say::said(&self.found["provider"])
    }

    fn seen(&self) -> u64 {
        self.found["seen"].as_u64().unwrap_or_default()
    }

    fn goes_on(&self) -> bool {
        self.found["more"] == true && !self.stands
    }

    /// Adds the next portion; one which ends where the one before did is the last, for the next would begin there too. What
    /// one of them could not look at stays said.
    fn add(&mut self, next: Value) {
        self.stands = next["until"] == self.found["until"] || next["until"].is_null();
        for name in ["seen", "missed"] {
            let sum = self.found[name].as_i64().unwrap_or_default() + next[name].as_i64().unwrap_or_default();
            self.found[name] = sum.into();
        }
        let more = next["missed_ids"].as_array().cloned().unwrap_or_default();
        if let Some(ids) = self.found["missed_ids"].as_array_mut() {
            ids.extend(more);
        }
        if !next["until"].is_null() {
            self.found["until"] = next["until"].clone();
        }
        self.found["more"] = (next["more"] == true).into();
        let problem = next["problem"].as_str().unwrap_or_default();
        if !problem.is_empty() {
            self.found["problem"] = problem.into();
        } else if self.stands && self.found["more"] == true {
            self.found["problem"] = "the look does not get on; try again later".into();
        }
    }
}

#[cfg(test)]
mod tests {
    use jiff::SignedDuration;

    use super::*;

    #[test]
    fn a_time_is_told_in_two_ways() {
        let two_days = Timestamp::now() - since("2d").unwrap();
        let off = SignedDuration::try_from(two_days).unwrap() - SignedDuration::from_hours(48);
        assert!(off.abs() < SignedDuration::from_mins(1), "{off:?}");
        assert!(since("36h").unwrap() > since("2d").unwrap());
        assert_eq!(since("2025-10-28T00:00:00Z").unwrap().to_string(), "2025-10-28T00:00:00Z");
        for wrong in ["", "2", "yesterday", "-2d", "2999-01-01T00:00:00Z", "2 parsecs"] {
            assert!(since(wrong).is_err(), "{wrong}");
        }
    }

    fn portion(seen: i64, until: &str, more: bool) -> Value {
        json!({"provider": "stripe", "seen": seen, "missed": 1, "missed_ids": [until], "until": until, "more": more, "problem": ""})
    }

    #[test]
    fn portions_add_up() {
        let mut sum = Sum::of(portion(100, "a", true));
        assert!(sum.goes_on());
        sum.add(portion(20, "b", false));
        assert!(!sum.goes_on());
        assert_eq!((&sum.found["seen"], &sum.found["missed"]), (&json!(120), &json!(2)));
        assert_eq!((&sum.found["missed_ids"], &sum.found["until"]), (&json!(["a", "b"]), &json!("b")));
    }

    #[test]
    fn who_does_not_get_on_is_not_asked_for_ever() {
        let mut sum = Sum::of(portion(1, "a", true));
        sum.add(portion(100, "a", true));
        assert!(!sum.goes_on() && sum.found["problem"].as_str().unwrap().contains("does not get on"));
        let mut sum = Sum::of(portion(1, "a", true));
        sum.add(portion(100, "a", false));
        assert_eq!(sum.found["problem"], "", "that was all");
        let mut sum = Sum::of(portion(1, "a", true));
        sum.add(json!({"provider": "stripe", "seen": 0, "more": true, "problem": "stripe is away", "until": null}));
        assert!(!sum.goes_on() && sum.found["problem"] == "stripe is away");
    }

    #[test]
    fn what_a_portion_could_not_look_at_is_said_and_the_rest_is_looked_at() {
        let mut sum = Sum::of(json!({
            "provider": "stripe", "seen": 500, "missed": 0, "missed_ids": [], "until": "a", "more": true,
            "problem": "stripe lists the events of the last 30 days",
        }));
        assert!(sum.goes_on());
        sum.add(portion(20, "b", false));
        assert_eq!((&sum.found["seen"], sum.goes_on()), (&json!(520), false));
        assert_eq!(sum.found["problem"], "stripe lists the events of the last 30 days", "it stays said");
    }
}
