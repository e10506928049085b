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
    "charge.dispute.funds_reinstated",
    "charge.dispute.funds_withdrawn",
    "charge.dispute.updated",
    "charge.refunded",
    "checkout.session.async_payment_failed",
    "checkout.session.async_payment_succeeded",
    "checkout.session.completed",
    "checkout.session.expired",
    "customer.subscription.created",
    "customer.subscription.deleted",
    "customer.subscription.paused",
    "customer.subscription.resumed",
    "customer.subscription.updated",
    "invoice.marked_uncollectible",
    "invoice.paid",
    "invoice.payment_failed",
    "invoice.voided",
    "payment_intent.canceled",
    "payment_intent.payment_failed",
    "payment_intent.succeeded",
    "refund.failed",
    "refund.updated",
];

/// An event, as far as it is believed.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub(crate) struct Event {
    /// `evt_…`
    pub(crate) id: Id,
    /// Its type.
    #[serde(rename = "type")]
    pub(crate) kind: String,
    /// When it happened, in unix seconds.
    #[serde(default)]
    pub(crate) created: i64,
    /// It is no test; absent if it does not say.
    #[serde(default)]
    pub(crate) livemode: Option<bool>,
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
    /// Of a dispute or a refund: the charge that it is about.
    #[serde(default)]
    charge: Value,
    /// Of a dispute or a refund: the payment that it is about.
    #[serde(default)]
    payment_intent: Value,
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

// === impl Subject ===

impl Subject {
    /// The id of the thing.
    pub(crate) fn id(&self) -> &Id {
        let (Self::Session(id)
        | Self::Intent(id)
        | Self::Charge(id)
        | Self::Invoice(id)
        | Self::Subscription(id)) = self;
        id
    }
}

// === impl Event ===

impl Event {
    /// The event of a body; `None` if it is none.
    pub(crate) fn read(body: &[u8]) -> Option<Self> {
        serde_json::from_slice(body).ok()
    }

    /// What it is about; `None` if that is nothing to us.
    pub(crate) fn subject(&self) -> Option<Subject> {
        if !TYPES.contains(&self.kind.as_str()) {
            return None;
        }
        let object = &self.data.object;
        let id = || object.id.clone();
        match self.kind.as_str() {
            kind if kind.starts_with("charge.dispute.") || kind.starts_with("refund.") => object.money(),
            kind if kind.starts_with("charge.") => id().map(Subject::Charge),
            kind if kind.starts_with("checkout.session.") => id().map(Subject::Session),
            kind if kind.starts_with("customer.subscription.") => id().map(Subject::Subscription),
            kind if kind.starts_with("invoice.") => id().map(Subject::Invoice),
            _ => id().map(Subject::Intent),
        }
    }
}

// === impl Object ===

impl Object {
    /// The money that a dispute or a refund is about: the charge, else the payment that it was made for.
    fn money(&self) -> Option<Subject> {
        let named = |field: &Value| field.get("id").unwrap_or(field).as_str()?.parse().ok();
        let charge = named(&self.charge).map(Subject::Charge);
        charge.or_else(|| named(&self.payment_intent).map(Subject::Intent))
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
        for (object, about) in [
            (r#"{"id":"re_1","charge":{"id":"ch_1"},"payment_intent":"pi_1"}"#, Subject::Charge(id("ch_1"))),
            (r#"{"id":"re_1","charge":null,"payment_intent":"pi_1"}"#, Subject::Intent(id("pi_1"))),
        ] {
            assert_eq!(subject("refund.failed", object), Some(about));
        }
    }

    #[test]
    fn the_readme_names_all_types_and_no_other() {
        let readme = include_str!("../../../../README.md");
        let line = readme.lines().find(|line| line.starts_with("| Stripe | `/webhooks/stripe`")).unwrap();
        let events = line.split('|').nth(3).unwrap();
        let mut named: Vec<&str> = events.split(',').map(|event| event.trim().trim_matches('`')).collect();
        named.sort_unstable();
        assert_eq!(named, TYPES);
    }

    #[test]
    fn what_is_no_event_is_none() {
        for body in ["", "[]", "{}", r#"{"id":"a/b","type":"x","data":{"object":{}}}"#, r#"{"id":"evt_1"}"#] {
            assert_eq!(Event::read(body.as_bytes()), None, "{body}");
        }
    }
}
