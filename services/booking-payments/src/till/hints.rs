//! Stripe's webhooks and its list of events: hints at what to look at.
//!
//! The invariants: of a message that is signed only the id of its thing is used; and one is done when what it tells stands
//! in our documents, so that a thing which Stripe does not know is trouble and no news.

use std::{collections::HashMap, sync::atomic::Ordering};

use domain::{Fault, Kind, Reason};
use jiff::{SignedDuration, Timestamp};
use providers::{
    error::Error,
    provider::{self, Found, Provider, Verified},
};
use store::queue::Trouble;

use super::{Till, followed::Ends};
use crate::stripe::{self, Event, MOST_TYPES, Subject, TYPES};

/// The header of the signature.
const SIGNATURE: &str = "stripe-signature";
/// An event may come onto Stripe's list a little after its time.
const LATE: SignedDuration = SignedDuration::from_secs(60);
/// What takes its time on the way: a look begins that much later than it was asked for, at most.
const SLACK: SignedDuration = SignedDuration::from_mins(10);
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
    "/data/object/payment_intent",
    "/data/object/payment_intent/id",
];
/// Most pages of one look.
const PAGES: usize = 5;
/// How far back Stripe lists its events, by the reference of that list.
const LISTED: SignedDuration = SignedDuration::from_hours(30 * 24);
/// What is said of a look that was to begin before that.
const TOO_OLD: &str = "stripe lists the events of the last 30 days; what is older was not looked at";
/// Why a message about something that Stripe does not know is tried again, and parked in the end.
const UNKNOWN: &str =
    "stripe does not know what the event is about: is the webhook of the same account and mode as the key?";
/// Why a message of the other mode is tried again, and parked in the end.
const OTHER_MODE: &str = "the event is of stripe's other mode, test or live, than the key";

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
        if !stripe::is_signed(header, body, self.0.deps.secrets.as_ref(), now) {
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
        if event.livemode.is_some_and(|livemode| self.stripe().is_foreign(livemode)) {
            return Err(self.foreign(OTHER_MODE));
        }
        match self.look_at(&subject).await {
            Ok(ends) => Ok(self.note_followed(subject.id(), &event, &ends).await?),
            Err(Error::Provider(failure)) if failure.is_not_found() => Err(self.foreign(UNKNOWN)),
            Err(error) => Err(error.into()),
        }
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
        let seen = i64::try_from(events.len()).unwrap_or(i64::MAX);
        let heard: Vec<(Event, Subject, Vec<u8>)> = events.iter().filter_map(read).collect();
        let heard = heard.iter().map(|heard| (&heard.0, &**heard.1.id(), heard)).collect();
        let lacking = self.lacking(heard).await?.into_iter().map(|(event, _, body)| {
            (Verified { key: event.id.to_string(), kind: event.kind.clone() }, body.clone())
        });
        let is_too_old = now.duration_since(since) > LISTED + SLACK;
        let problem = if is_too_old { TOO_OLD.to_owned() } else { String::new() };
        let missed = lacking.collect();
        Ok(Found {
            seen,
            missed,
            even_if_done: true,
            until: Some(until),
            more: !is_all,
            problem,
            ..Found::default()
        })
    }
}

impl Till {
    /// Looks at what an event is about; in which documents that ended.
    async fn look_at(&self, subject: &Subject) -> Result<Ends, Error> {
        match subject {
            Subject::Session(id) => self.refresh_session(id).await,
            Subject::Intent(id) => self.refresh_intent(id).await,
            Subject::Invoice(id) => self.refresh_invoice(id).await,
            Subject::Subscription(id) => self.refresh_subscription(id).await,
            Subject::Charge(id) => match self.stripe().charge(id).await?.payment_intent {
                Some(intent) => self.refresh_intent(&intent).await,
                None => self.refresh_invoice_of(id).await,
            },
        }
    }

    /// Trouble with who sends the webhooks, of which this is told once.
    fn foreign(&self, why: &'static str) -> Trouble {
        if !self.0.told_of_foreign.swap(true, Ordering::Relaxed) {
            tracing::warn!(problem = why, "stripe's webhooks do not fit the key");
        }
        Trouble::new(why)
    }

    /// All events between two seconds, the oldest first; `None` if they are more than a portion, unless they are of one
    /// second.
    async fn events(
        &self,
        from: i64,
        to: i64,
    ) -> Result<Option<Vec<serde_json::Value>>, providers::api::Failure> {
        let mut all = Vec::new();
        for types in TYPES.chunks(MOST_TYPES) {
            match self.events_of(types, from, to).await? {
                Some(events) => all.extend(events.into_iter().rev()),
                None => return Ok(None),
            }
        }
        all.sort_by_key(|event| event["created"].as_i64());
        Ok(Some(all))
    }

    /// The same of these types alone, the newest first.
    async fn events_of(
        &self,
        types: &[&str],
        from: i64,
        to: i64,
    ) -> Result<Option<Vec<serde_json::Value>>, providers::api::Failure> {
        let mut events = Vec::new();
        let mut pages = 0;
        loop {
            let after =
                events.last().and_then(|event: &serde_json::Value| event["id"].as_str()).map(str::to_owned);
            let page = self.stripe().events(types, from, to, after.as_deref()).await?;
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

/// An event, what it is about, and what is kept of it: as a webhook would have brought it.
fn read(event: &serde_json::Value) -> Option<(Event, Subject, Vec<u8>)> {
    let body = event.to_string().into_bytes();
    let event = Event::read(&body)?;
    let subject = event.subject()?;
    Some((event, subject, provider::only(&body, KEPT)))
}

fn time(seconds: i64) -> Timestamp {
    super::time(seconds).unwrap_or_default()
}
