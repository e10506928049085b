//! What a provider's part of a service offers to the doors that all share: webhooks, inbox, reconciliation.
//!
//! The invariant: a webhook is a hint. What it says is never believed beyond the id of the thing that it is about; the
//! thing itself is fetched.

use std::collections::HashMap;

use domain::Fault;
use jiff::Timestamp;
use serde_json::{Value, json};
use store::queue::Trouble;

/// A delivery that was verified.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verified {
    /// What makes a second delivery of the same message recognisable: the provider's id of it, or a hash of the body.
    pub key: String,
    /// Its type in the provider's words, e.g. `checkout.session.completed`.
    pub kind: String,
}

/// What a look at a provider found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Found {
    /// So many things were looked at.
    pub seen: i64,
    /// Messages that no webhook brought: key, type and body of each, as a webhook would have brought them.
    pub missed: Vec<(Verified, Vec<u8>)>,
    /// Our documents lack what they tell, whatever the inbox says of them: they are worked on even if they were done.
    pub even_if_done: bool,
    /// Up to when everything was looked at.
    pub until: Option<Timestamp>,
    /// There is more.
    pub more: bool,
    /// Where the provider's part goes on when it is asked again for the same time or a later one: it is told so by
    /// [`Provider::looked`]. With it `until` is known at the end alone.
    pub place: Option<Value>,
    /// What of the time that was asked for cannot be looked at; empty if nothing.
    pub problem: String,
}

/// A provider with webhooks.
#[async_trait::async_trait]
pub trait Provider: Send + Sync + 'static {
    /// Its name: of its route, in the inbox, in reports.
    fn name(&self) -> &'static str;

    /// Verifies a delivery over its raw bytes; names of headers are in lower case.
    ///
    /// # Errors
    /// `SIGNATURE_WRONG`; `MALFORMED` if it is signed and no message.
    fn verify(
        &self,
        headers: &HashMap<String, String>,
        body: &[u8],
        now: Timestamp,
    ) -> Result<Verified, Fault>;

    /// What of a verified body is kept in the inbox: what it takes to work on it, and nothing that names anybody.
    fn keep(&self, body: &[u8]) -> Vec<u8>;

    /// Works on a message: fetches what it is about, and commits what that says. Again is no different from once.
    ///
    /// # Errors
    /// Why it is to be tried again, or never.
    async fn follow(&self, kind: &str, body: &[u8]) -> Result<(), Trouble>;

    /// Looks for what changed since a time and is not in our documents yet, a bounded portion of it, the oldest first.
    ///
    /// # Errors
    /// The provider could not be asked.
    async fn look(&self, since: Timestamp) -> Result<Found, Trouble>;

    /// What a look found is durable: the next one goes on from its place.
    ///
    /// # Errors
    /// The store's.
    async fn looked(&self, _place: &Value) -> Result<(), store::Error> {
        Ok(())
    }
}

/// Longest text that is kept of a body.
const LONGEST_TEXT: usize = 128;

/// A JSON object with nothing of `body` but the short values at these pointers.
pub fn only(body: &[u8], pointers: &[&str]) -> Vec<u8> {
    let body: Value = serde_json::from_slice(body).unwrap_or_default();
    let mut kept = json!({});
    for pointer in pointers {
        let is_short = |value: &&Value| match value {
            Value::String(text) => text.len() <= LONGEST_TEXT,
            value => value.is_number() || value.is_boolean(),
        };
        if let Some(value) = body.pointer(pointer).filter(is_short) {
            let steps = pointer.split('/').skip(1);
            // The places of a pointer are made as they are walked through.
            *steps.fold(&mut kept, |place, step| &mut place[step]) = value.clone();
        }
    }
    kept.to_string().into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_kept_but_what_is_named() {
        let body = json!({
            "id": "evt_1",
            "created": 7,
            "data": {"object": {"id": "pi_1", "receipt_email": "ann@example.com", "charge": {"id": "ch_1"}}},
            "long": "x".repeat(200),
        });
        let kept = only(
            body.to_string().as_bytes(),
            &[
                "/id",
                "/created",
                "/data/object/id",
                "/data/object/charge",
                "/data/object/charge/id",
                "/long",
                "/none",
            ],
        );
        let kept: Value = serde_json::from_slice(&kept).unwrap();
        let object = json!({"id": "pi_1", "charge": {"id": "ch_1"}});
        assert_eq!(kept, json!({"id": "evt_1", "created": 7, "data": {"object": object}}));
        assert_eq!(only(b"no JSON", &["/id"]), b"{}");
    }
}
