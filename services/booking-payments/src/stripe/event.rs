//! Events: that something happened to a thing.
//!
//! The invariant: of an event only its id, its type, and the ids of what it is about are read.

use serde::Deserialize;
use serde_json::Value;

use super::model::Id;

/// The types that are followed; others are known to be nothing to us.
pub(crate) const TYPES: &[&str] = &[
    "charge.dispute.closed",
    "charge.dispute.created",
    "charge.refunded",
    "checkout.session.async_payment_failed",
    "checkout.session.async_payment_succeeded",
    "checkout.session.completed",
    "checkout.session.expired",
    "customer.subscription.created",
    "customer.subscription.deleted",
    "customer.subscription.updated",
    "invoice.paid",
    "invoice.payment_failed",
    "payment_intent.payment_failed",
    "payment_intent.succeeded",
];

/// An event, as far as it is believed.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub(crate) struct Event {
    /// `evt_…`
    pub(crate) id: Id,
    /// Its type.
    #[serde(rename = "type")]
    pub(crate) kind: String,
    data: Data,
}

#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
struct Data {
    object: Object,
}

#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
struct Object {
    #[serde(default)]
    id: Option<Id>,
    /// Of a dispute: the charge that it is about.
    #[serde(default)]
    charge: Value,
}

/// What an event is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Subject {
    /// A link, `cs_…`.
    Session(Id),
    /// A payment intent, `pi_…`.
    Intent(Id),
    /// A charge, `ch_…` or `py_…`.
    Charge(Id),
    /// An invoice, `in_…`.
    Invoice(Id),
    /// A subscription, `sub_…`.
    Subscription(Id),
}

// === impl Event ===

impl Event {
    /// The event of a body; `None` if it is none.
    pub(crate) fn read(body: &[u8]) -> Option<Self> {
        serde_json::from_slice(body).ok()
    }

    /// What it is about; `None` if that is nothing to us.
    pub(crate) fn subject(self) -> Option<Subject> {
        if !TYPES.contains(&self.kind.as_str()) {
            return None;
        }
        let Object { id, charge } = self.data.object;
        match self.kind.as_str() {
            kind if kind.starts_with("charge.dispute.") => {
                let charge = charge.get("id").unwrap_or(&charge).as_str()?.parse().ok()?;
                Some(Subject::Charge(charge))
            }
            kind if kind.starts_with("charge.") => Some(Subject::Charge(id?)),
            kind if kind.starts_with("checkout.session.") => Some(Subject::Session(id?)),
            kind if kind.starts_with("customer.subscription.") => Some(Subject::Subscription(id?)),
            kind if kind.starts_with("invoice.") => Some(Subject::Invoice(id?)),
            _ => Some(Subject::Intent(id?)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn subject(kind: &str, object: &str) -> Option<Subject> {
        let body = format!(r#"{{"id":"evt_1","type":"{kind}","data":{{"object":{object}}}}}"#);
        Event::read(body.as_bytes()).unwrap().subject()
    }

    fn id(text: &str) -> Id {
        text.parse().unwrap()
    }

    #[test]
    fn every_type_is_about_something() {
        for kind in TYPES {
            assert!(subject(kind, r#"{"id":"x_1","charge":"ch_1"}"#).is_some(), "{kind}");
        }
        assert_eq!(
            subject("charge.dispute.created", r#"{"id":"du_1","charge":"ch_1"}"#),
            Some(Subject::Charge(id("ch_1")))
        );
        assert_eq!(
            subject("payment_intent.succeeded", r#"{"id":"pi_1"}"#),
            Some(Subject::Intent(id("pi_1")))
        );
        assert_eq!(subject("plan.created", r#"{"id":"plan_1"}"#), None);
        assert_eq!(subject("charge.dispute.created", r#"{"id":"du_1","charge":null}"#), None);
    }

    #[test]
    fn what_is_no_event_is_none() {
        for body in ["", "[]", "{}", r#"{"id":"a/b","type":"x","data":{"object":{}}}"#, r#"{"id":"evt_1"}"#] {
            assert_eq!(Event::read(body.as_bytes()), None, "{body}");
        }
    }
}
