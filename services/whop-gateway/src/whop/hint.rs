//! What a verified webhook is about: its event and ids, and nothing else of it.
//!
//! Bodies differ by generation. Dated ones and those of 2025-01-01 are `{id, type, data, …}` (`whop_sdk` 2.6.0,
//! `Post…Payload`; npm `@whop/sdk` 0.0.42, `…WebhookEvent`); webhooks made through API v2 and v5 keep sending `{action,
//! data}` (whop.readme.io; npm `@whop/api` 0.0.51, `WhopWebhookRequestBody`), with an app's own as `app_…`; older ones write
//! `membership_activated`. A dated thing is flat, an old one nests what it belongs to. The invariant: an id is all that is
//! taken; whatever else a body says is asked again.

use jiff::Timestamp;
use serde_json::Value;

use super::is_id;

/// The event of the messages that reconciliation makes of what no webhook brought, behind the name of a thing:
/// `membership.reconciled`.
pub(crate) const RECONCILED: &str = "reconciled";
/// What of a body is kept: ids of things and times. Who it is about is not among it: that would outlast the person's
/// erasure where the message comes after it.
pub(crate) const KEPT: &[&str] = &[
    "/id",
    "/type",
    "/action",
    "/event",
    "/timestamp",
    "/data/id",
    "/data/updated_at",
    "/data/payment_id",
    "/data/payment/id",
    "/body/id",
    "/body/payment_id",
    "/body/payment/id",
];
/// Longest word that is an event.
const LONGEST_EVENT: usize = 64;

/// What a webhook is a hint of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Hint {
    /// Something may have happened to this membership, `mem_…`.
    Membership(String),
    /// To this payment, `pay_…`.
    Payment(String),
    /// To a refund, `rf_…`, that does not say of which payment.
    Refund(String),
    /// To a dispute, `dspt_…`, that does not say of which payment.
    Dispute(String),
    /// To this member, `mber_…`, and to what the user has.
    Member(String),
    /// Nothing that we keep.
    Nothing,
}

/// What an event is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Thing {
    Membership,
    Payment,
    Refund,
    Dispute,
    /// A warning that there will be a dispute.
    Alert,
    Member,
}

/// The event that a body names, as a dotted word: `membership.activated`; `None` if it is no message of Whop's.
pub(crate) fn event(body: &[u8]) -> Option<String> {
    event_of(&serde_json::from_slice(body).ok()?)
}

/// When Whop made a message, and when the thing changed of which it tells, where it says so.
pub(crate) fn times(body: &[u8]) -> Option<(Timestamp, Timestamp)> {
    let body: Value = serde_json::from_slice(body).ok()?;
    let time = |pointer| body.pointer(pointer)?.as_str()?.parse().ok();
    Some((time("/timestamp")?, time("/data/updated_at")?))
}

/// The id of a message, where it says so.
pub(crate) fn id(body: &Value) -> Option<String> {
    id_at(body, "/id")
}

/// What a body is a hint of; `None` if it is about a thing that we keep and does not say which.
pub(crate) fn read(body: &[u8]) -> Option<Hint> {
    let body: Value = serde_json::from_slice(body).ok()?;
    let Some(thing) = Thing::of(&event_of(&body)?) else { return Some(Hint::Nothing) };
    // An early page of the documentation of API v2 calls it so.
    let data = body.get("data").or_else(|| body.get("body"))?;
    let id = || id_at(data, "/id");
    let payment = || id_at(data, "/payment_id").or_else(|| id_at(data, "/payment/id")).map(Hint::Payment);
    match thing {
        Thing::Membership => Some(Hint::Membership(id()?)),
        Thing::Payment => Some(Hint::Payment(id()?)),
        Thing::Refund => payment().or_else(|| Some(Hint::Refund(id()?))),
        Thing::Dispute => payment().or_else(|| Some(Hint::Dispute(id()?))),
        // Whop could not always find the payment: then nothing of ours changed.
        Thing::Alert => Some(payment().unwrap_or(Hint::Nothing)),
        Thing::Member => Some(Hint::Member(id()?)),
    }
}

// === impl Thing ===

impl Thing {
    /// What a dotted event is about, if that is something to us.
    fn of(event: &str) -> Option<Self> {
        let event = event.strip_prefix("app_").unwrap_or(event);
        match event.split_once('.')? {
            // It belongs to what an affiliate gets.
            ("payment", "affiliate_reward_created") => None,
            ("membership", _) => Some(Self::Membership),
            ("payment", _) => Some(Self::Payment),
            ("refund", _) => Some(Self::Refund),
            ("dispute", _) => Some(Self::Dispute),
            ("dispute_alert", _) => Some(Self::Alert),
            ("member", _) => Some(Self::Member),
            _ => None,
        }
    }
}

fn event_of(body: &Value) -> Option<String> {
    let word = ["type", "action", "event"].iter().find_map(|name| body.get(name)?.as_str())?;
    let is_word = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'_' | b'.');
    let fits = (1..=LONGEST_EVENT).contains(&word.len()) && word.bytes().all(is_word);
    fits.then(|| dotted(word))
}

/// `membership_activated` is `membership.activated`: what comes before the first verb is the thing.
fn dotted(word: &str) -> String {
    if word.contains('.') {
        return word.to_owned();
    }
    let (app, plain) = word.strip_prefix("app_").map_or(("", word), |plain| ("app_", plain));
    let things = ["dispute_alert", "membership", "member", "payment", "refund", "dispute"];
    let split = things.iter().find_map(|thing| Some((thing, plain.strip_prefix(thing)?.strip_prefix('_')?)));
    split.map_or_else(|| word.to_owned(), |(thing, verb)| format!("{app}{thing}.{verb}"))
}

fn id_at(data: &Value, pointer: &str) -> Option<String> {
    data.pointer(pointer)?.as_str().filter(|id| is_id(id)).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use providers::provider::only;
    use serde_json::json;

    use super::*;

    macro_rules! fixture {
        ($name:literal) => {
            ($name, include_str!(concat!("../../tests/fixtures/", $name, ".json")))
        };
    }

    fn membership() -> Hint {
        Hint::Membership("mem_0001".to_owned())
    }

    fn payment() -> Hint {
        Hint::Payment("pay_0001".to_owned())
    }

    /// Every generation of every thing, its event and what it is about.
    fn fixtures() -> Vec<((&'static str, &'static str), &'static str, Hint)> {
        let member = Hint::Member("mber_0001".to_owned());
        vec![
            (fixture!("membership.dated"), "membership.activated", membership()),
            (fixture!("membership.updated.dated"), "membership.updated", membership()),
            (fixture!("membership.trial.dated"), "membership.trial_ending_soon", membership()),
            (fixture!("membership.legacy"), "membership.deactivated", membership()),
            (fixture!("membership.underscored"), "membership.cancel_at_period_end_changed", membership()),
            (fixture!("membership.v2"), "membership.went_valid", membership()),
            (fixture!("membership.v2.body"), "membership.went_invalid", membership()),
            (fixture!("membership.v5"), "membership.went_valid", membership()),
            (fixture!("membership.v5.app"), "app_membership.went_invalid", membership()),
            (fixture!("payment.dated"), "payment.succeeded", payment()),
            (fixture!("payment.legacy"), "payment.pending", payment()),
            (fixture!("payment.underscored"), "payment.failed", payment()),
            (fixture!("payment.v2"), "payment.failed", payment()),
            (fixture!("payment.v5"), "payment.succeeded", payment()),
            (fixture!("payment.v5.app"), "app_payment.succeeded", payment()),
            (fixture!("refund.dated"), "refund.created", payment()),
            (fixture!("refund.legacy"), "refund.updated", payment()),
            (fixture!("refund.orphan.legacy"), "refund.updated", Hint::Refund("rf_0001".to_owned())),
            (fixture!("refund.v5"), "refund.created", payment()),
            (fixture!("dispute.dated"), "dispute.created", payment()),
            (fixture!("dispute.legacy"), "dispute.updated", payment()),
            (fixture!("dispute.v5"), "dispute.created", payment()),
            (fixture!("dispute_alert.dated"), "dispute_alert.created", payment()),
            (fixture!("dispute_alert.legacy"), "dispute_alert.created", payment()),
            (fixture!("dispute_alert.underscored"), "dispute_alert.created", payment()),
            (fixture!("member.dated"), "member.created", member),
        ]
    }

    fn of(body: Value) -> Option<Hint> {
        read(body.to_string().as_bytes())
    }

    #[test]
    fn every_generation_names_its_thing() {
        for ((name, body), expected, hint) in fixtures() {
            assert_eq!(event(body.as_bytes()).as_deref(), Some(expected), "{name}");
            assert_eq!(read(body.as_bytes()), Some(hint), "{name}");
        }
        let kept = std::fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures")).unwrap().count();
        assert_eq!(kept, fixtures().len(), "every fixture is in the table");
    }

    #[test]
    fn what_is_kept_says_the_same_and_names_nobody() {
        for ((name, body), expected, hint) in fixtures() {
            let kept = only(body.as_bytes(), KEPT);
            assert_eq!((event(&kept).as_deref(), read(&kept)), (Some(expected), Some(hint)), "{name}");
            assert_eq!(times(&kept), times(body.as_bytes()), "{name}");
            let kept = String::from_utf8(kept).unwrap();
            for personal in ["@", "Mara", "user_", "WHOP-", "4242", "192.0.2", "example", "1490"] {
                assert!(!kept.contains(personal), "{name}: {kept}");
            }
        }
    }

    #[test]
    fn a_message_of_our_own_is_read_like_theirs() {
        let body = json!({"type": format!("membership.{RECONCILED}"), "data": {"id": "mem_0001"}});
        assert_eq!(of(body), Some(membership()));
        let body = json!({"type": format!("payment.{RECONCILED}"), "data": {"id": "pay_0001"}});
        assert_eq!(of(body), Some(payment()));
    }

    #[test]
    fn what_is_nothing_to_us_is_nothing() {
        for event in [
            "chat.message.created",
            "entry.created",
            "entry_created",
            "product.updated",
            "invoice.paid",
            "payment.affiliate_reward_created",
            "memberships.x",
            "ping",
            "setup_intent_succeeded",
        ] {
            assert_eq!(of(json!({"type": event, "data": {"id": "x_1"}})), Some(Hint::Nothing), "{event}");
        }
        let unmatched =
            json!({"type": "dispute_alert.created", "data": {"id": "dspa_1", "payment_id": null}});
        assert_eq!(of(unmatched), Some(Hint::Nothing));
    }

    #[test]
    fn who_does_not_say_which_thing_is_no_hint() {
        for data in [
            json!({}),
            json!({"id": null}),
            json!({"id": 7}),
            json!({"id": ""}),
            json!({"id": ".."}),
            json!({"id": "../users/me"}),
            json!({"id": "mem_1?x=1"}),
            json!({"id": "mem_%2e"}),
            json!({"id": "m".repeat(129)}),
            json!([]),
            json!("mem_1"),
            json!(null),
        ] {
            assert_eq!(of(json!({"type": "membership.updated", "data": data.clone()})), None, "{data}");
        }
        assert_eq!(of(json!({"type": "membership.updated"})), None);
        for nonsense in ["", "[]", "{}", "null", r#"{"type":1}"#, r#"{"type":"a b"}"#, r#"{"type":"É.x"}"#] {
            assert_eq!((event(nonsense.as_bytes()), read(nonsense.as_bytes())), (None, None), "{nonsense}");
        }
        assert_eq!(event(format!(r#"{{"type":"payment.{}"}}"#, "x".repeat(64)).as_bytes()), None);
    }
}
