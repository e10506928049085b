//! Stripe's webhooks and its list of events: hints at what to look at.
//!
//! The invariant: of a message that is signed only the id of its thing is used; a thing that Stripe does not know any
//! more is nothing to do.

use std::collections::HashMap;

use domain::{Fault, Kind, Reason};
use jiff::{SignedDuration, Timestamp};
use store::queue::Trouble;

use super::Till;
use crate::{
    error::Error,
    provider::{self, Found, Provider, Verified},
    stripe::{self, Event, Subject},
};

/// The header of the signature.
const SIGNATURE: &str = "stripe-signature";
/// An event may come onto Stripe's list a little after its time.
const LATE: SignedDuration = SignedDuration::from_secs(60);
/// What of an event is kept: what it is, and the ids of what it is about.
const KEPT: &[&str] = &[
    "/id",
    "/object",
    "/type",
    "/created",
    "/api_version",
    "/livemode",
    "/data/object/id",
    "/data/object/object",
    "/data/object/charge",
    "/data/object/charge/id",
];
/// Most pages of one look.
const PAGES: usize = 5;

#[async_trait::async_trait]
impl Provider for Till {
    fn name(&self) -> &'static str {
        stripe::NAME
    }

    fn verify(
        &self,
        headers: &HashMap<String, String>,
        body: &[u8],
        now: Timestamp,
    ) -> Result<Verified, Fault> {
        let header = headers.get(SIGNATURE).map(String::as_str).unwrap_or_default();
        if !stripe::is_signed(header, body, &self.0.deps.secrets, now) {
            let why = "the signature is missing, wrong or too old";
            return Err(Fault::new(Kind::Unauthenticated, Reason::SignatureWrong, why));
        }
        let event =
            Event::read(body).ok_or_else(|| Fault::malformed("the message is no event of Stripe's"))?;
        Ok(Verified { key: event.id.to_string(), kind: event.kind })
    }

    fn keep(&self, body: &[u8]) -> Vec<u8> {
        provider::only(body, KEPT)
    }

    async fn follow(&self, _kind: &str, body: &[u8]) -> Result<(), Trouble> {
        let event = Event::read(body).ok_or_else(|| Trouble::hopeless("it is no event of Stripe's"))?;
        let Some(subject) = event.subject() else { return Ok(()) };
        Ok(self.look_at(subject).await?)
    }

    async fn look(&self, since: Timestamp) -> Result<Found, Trouble> {
        let now = self.now();
        let (from, mut to) = (since.as_second(), now.as_second());
        // Stripe lists the newest first: where there is more than a portion, the earlier half comes first.
        let events = loop {
            match self.events(from, to).await.map_err(Error::from)? {
                Some(events) => break events,
                None => to = from + (to - from) / 2,
            }
        };
        let is_all = to >= now.as_second();
        // A second that was looked at as a whole is not begun again.
        let until = if is_all { now.checked_sub(LATE).unwrap_or(now).max(since) } else { time(to + 1) };
        let missed: Vec<(Verified, Vec<u8>)> = events.iter().rev().filter_map(read).collect();
        let seen = i64::try_from(events.len()).unwrap_or(i64::MAX);
        Ok(Found { seen, missed, until: Some(until), more: !is_all })
    }
}

impl Till {
    async fn look_at(&self, subject: Subject) -> Result<(), Error> {
        match subject {
            Subject::Session(id) => self.refresh_session(&id).await,
            Subject::Intent(id) => self.refresh_intent(&id).await,
            Subject::Invoice(id) => self.refresh_invoice(&id).await,
            Subject::Subscription(id) => self.refresh_subscription(&id).await,
            Subject::Charge(id) => {
                let charge = self.stripe().charge(&id).await?;
                match charge.and_then(|charge| charge.payment_intent) {
                    Some(intent) => self.refresh_intent(&intent).await,
                    None => Ok(()),
                }
            }
        }
    }

    /// All events between two seconds, the newest first; `None` if they are more than a portion, unless they are of one
    /// second.
    async fn events(
        &self,
        from: i64,
        to: i64,
    ) -> Result<Option<Vec<serde_json::Value>>, crate::api::Failure> {
        let mut events = Vec::new();
        let mut pages = 0;
        loop {
            let after =
                events.last().and_then(|event: &serde_json::Value| event["id"].as_str()).map(str::to_owned);
            let page = self.stripe().events(from, to, after.as_deref()).await?;
            let is_last = !page.has_more || page.data.is_empty();
            events.extend(page.data);
            pages += 1;
            if is_last {
                return Ok(Some(events));
            }
            if pages == PAGES && to > from {
                return Ok(None);
            }
        }
    }
}

/// An event as a webhook would have brought it.
fn read(event: &serde_json::Value) -> Option<(Verified, Vec<u8>)> {
    let body = event.to_string().into_bytes();
    let Event { id, kind, .. } = Event::read(&body)?;
    Some((Verified { key: id.to_string(), kind }, provider::only(&body, KEPT)))
}

fn time(seconds: i64) -> Timestamp {
    super::time(seconds).unwrap_or_default()
}
