//! Cal.com's API v2: what we ask of it, and the few fields that we read of its answers.
//!
//! Every controller of the API has a version of its own; a call without it silently gets another shape, so each call
//! names its own. The invariant: what could happen twice is asked once. Reads are repeated; booking, moving and
//! cancelling are not, and whoever asks for them looks what came of an unclear answer.

pub(crate) mod hint;
mod pace;
pub(crate) mod signature;
pub(crate) mod wire;

use std::{sync::Arc, time::Duration};

use jiff::{SignedDuration, Timestamp};
use reqwest::{Method, RequestBuilder};
use secrecy::{ExposeSecret as _, SecretString};
use serde::de::{DeserializeOwned, IgnoredAny};
use serde_json::{Map, Value, json};
use store::{Clock, Store};
use url::Url;

use self::{
    pace::Pace,
    wire::{Booking, Envelope, EventType, OneOrMany, Paged, Reservation, Slots},
};
use providers::api::{Api, Failure};

/// Its name in errors and the inbox.
pub(crate) const NAME: &str = "calcom";
/// Where an error says what it is.
const CODE_AT: &str = "/error/code";
/// Most bookings of a page.
pub(crate) const PAGE: u32 = 100;
/// Longest wait until something is booked, moved or cancelled: Cal.com writes to calendars before it answers, and who
/// breaks off does not know what came of it.
const CHANGING: Duration = Duration::from_secs(25);
/// What Cal.com's times can tell apart.
const MOMENT: SignedDuration = SignedDuration::from_millis(1);

/// A controller of the API and the version of it that we speak (`packages/platform/constants/api.ts`).
#[derive(Clone, Copy, Debug)]
enum Controller {
    Bookings,
    Slots,
    EventTypes,
}

/// Who comes to a meeting that is to be booked.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Guest {
    /// Full name.
    pub(crate) name: String,
    /// E-mail; may be empty where there is a phone.
    pub(crate) email: String,
    /// Phone, in international form; may be empty.
    pub(crate) phone: String,
    /// IANA time zone.
    pub(crate) time_zone: String,
    /// Language of Cal.com's messages; its own choice if empty.
    pub(crate) language: String,
}

/// Which slots are asked for.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Range {
    /// What is to be booked.
    pub(crate) event_type: i64,
    /// From when on.
    pub(crate) from: Timestamp,
    /// Until when.
    pub(crate) to: Timestamp,
    /// IANA time zone in which Cal.com answers.
    pub(crate) zone: String,
    /// The booking whose own slot counts as free.
    pub(crate) moving: Option<String>,
}

/// Which bookings are asked for.
#[derive(Clone, Debug)]
pub(crate) struct Since {
    /// Updated after this.
    pub(crate) updated_after: Timestamp,
    /// Of this attendee alone.
    pub(crate) email: Option<String>,
    /// How many to pass over.
    pub(crate) skip: u32,
}

/// A way to Cal.com.
#[derive(Clone)]
pub(crate) struct Client {
    http: reqwest::Client,
    base: Url,
    key: SecretString,
    api: Api,
    /// The same with patience, for what must not be broken off.
    patient: Api,
}

// === impl Since ===

impl Since {
    /// The question about what comes after a page of answers.
    ///
    /// Whatever is updated meanwhile leaves its place for the end, and all behind it move up. So the next question begins
    /// with the newest that was answered, and counts only among those of one moment.
    pub(crate) fn after(self, page: &[Booking]) -> Self {
        let newest = page.iter().map(Booking::touched_at).max();
        match newest.and_then(|newest| newest.saturating_sub(MOMENT).ok()) {
            Some(begin) if begin > self.updated_after => Self { updated_after: begin, skip: 0, ..self },
            _ => Self { skip: self.skip + PAGE, ..self },
        }
    }
}

// === impl Controller ===

impl Controller {
    fn version(self) -> &'static str {
        match self {
            Self::Bookings => "2024-08-13",
            Self::Slots => "2024-09-04",
            Self::EventTypes => "2024-06-14",
        }
    }
}

// === impl Client ===

impl Client {
    /// A way to the API at `base` with this key. The pace is kept by all processes over `store`.
    pub(crate) fn new(base: &Url, key: SecretString, store: Arc<dyn Store>, clock: Clock) -> Self {
        let mut base = base.clone();
        if !base.path().ends_with('/') {
            base.set_path(&format!("{}/", base.path()));
        }
        let api = Api::new(NAME, CODE_AT).paced(Arc::new(Pace::new(store, clock)));
        let patient = api.clone().within(CHANGING);
        Self { http: chassis::http::client(), base, key, api, patient }
    }

    /// All event types of the key's owner.
    pub(crate) async fn event_types(&self) -> Result<Vec<EventType>, Failure> {
        self.read(self.call(Controller::EventTypes, Method::GET, &["event-types"])).await
    }

    /// Free starts, the earliest first.
    pub(crate) async fn slots(&self, range: &Range) -> Result<Vec<Timestamp>, Failure> {
        let mut query = vec![
            ("eventTypeId", range.event_type.to_string()),
            ("start", range.from.to_string()),
            ("end", range.to.to_string()),
            ("timeZone", range.zone.clone()),
        ];
        query.extend(range.moving.clone().map(|uid| ("bookingUidToReschedule", uid)));
        let slots: Slots =
            self.read(self.call(Controller::Slots, Method::GET, &["slots"]).query(&query)).await?;
        Ok(wire::starts(slots))
    }

    /// Keeps others from booking a slot, for Cal.com's five minutes if `minutes` is `None`. 422 if it is booked or
    /// reserved.
    pub(crate) async fn reserve(
        &self,
        event_type: i64,
        start: Timestamp,
        minutes: Option<u32>,
    ) -> Result<Reservation, Failure> {
        let call = self.call(Controller::Slots, Method::POST, &["slots", "reservations"]);
        change(&self.api, call.json(&reservation(event_type, start, minutes))).await
    }

    /// Keeps a reservation for so many minutes from now on.
    pub(crate) async fn renew(
        &self,
        uid: &str,
        event_type: i64,
        start: Timestamp,
        minutes: u32,
    ) -> Result<Reservation, Failure> {
        let call = self.call(Controller::Slots, Method::PATCH, &["slots", "reservations", uid]);
        change(&self.api, call.json(&reservation(event_type, start, Some(minutes)))).await
    }

    /// Lets a reservation go; one that is not there is gone.
    pub(crate) async fn release(&self, uid: &str) -> Result<(), Failure> {
        let call = self.call(Controller::Slots, Method::DELETE, &["slots", "reservations", uid]);
        match self.api.ask_once::<IgnoredAny>(call).await {
            Err(failure) if !failure.is_not_found() => Err(failure),
            _ => Ok(()),
        }
    }

    /// Books. Cal.com has no idempotency key: asked once.
    pub(crate) async fn book(
        &self,
        event_type: i64,
        start: Timestamp,
        guest: &Guest,
        notes: &str,
        metadata: Map<String, Value>,
    ) -> Result<Booking, Failure> {
        let mut body = json!({
            "start": start, "eventTypeId": event_type, "attendee": attendee(guest), "metadata": metadata,
        });
        if !notes.is_empty() {
            body["bookingFieldsResponses"] = json!({ "notes": notes });
        }
        let call = self.call(Controller::Bookings, Method::POST, &["bookings"]);
        self.first(change(&self.patient, call.json(&body)).await?)
    }

    /// A booking; `None` if there is none under this uid.
    pub(crate) async fn booking(&self, uid: &str) -> Result<Option<Booking>, Failure> {
        let call = self.call(Controller::Bookings, Method::GET, &["bookings", uid]);
        match self.read::<OneOrMany<Booking>>(call).await {
            Ok(OneOrMany::One(booking)) => Ok(Some(*booking)),
            // The uid of a series answers all of its meetings.
            Ok(OneOrMany::Many(all)) => Ok(all.into_iter().find(|booking| booking.uid == uid)),
            Err(failure) if failure.is_not_found() => Ok(None),
            Err(failure) => Err(failure),
        }
    }

    /// Up to [`PAGE`] bookings, the one that was updated first first. Whether it is the last page.
    pub(crate) async fn bookings(&self, since: &Since) -> Result<(Vec<Booking>, bool), Failure> {
        let mut query = vec![
            ("afterUpdatedAt", since.updated_after.to_string()),
            ("sortUpdatedAt", "asc".to_owned()),
            ("take", PAGE.to_string()),
            ("skip", since.skip.to_string()),
        ];
        query.extend(since.email.clone().map(|email| ("attendeeEmail", email)));
        let call = self.call(Controller::Bookings, Method::GET, &["bookings"]).query(&query);
        let page: Paged = self.api.ask(call).await?;
        let last = page.data.len() < PAGE as usize;
        Ok((page.data, last))
    }

    /// Moves a booking, which gets another uid. Asked once.
    pub(crate) async fn reschedule(
        &self,
        uid: &str,
        start: Timestamp,
        reason: &str,
    ) -> Result<Booking, Failure> {
        let mut body = json!({ "start": start });
        if !reason.is_empty() {
            body["reschedulingReason"] = json!(reason);
        }
        let call = self.call(Controller::Bookings, Method::POST, &["bookings", uid, "reschedule"]);
        self.first(change(&self.patient, call.json(&body)).await?)
    }

    /// Cancels a booking. Asked once.
    pub(crate) async fn cancel(&self, uid: &str, reason: &str) -> Result<Booking, Failure> {
        let body = if reason.is_empty() { json!({}) } else { json!({ "cancellationReason": reason }) };
        let call = self.call(Controller::Bookings, Method::POST, &["bookings", uid, "cancel"]);
        self.first(change(&self.patient, call.json(&body)).await?)
    }

    fn call(&self, controller: Controller, method: Method, path: &[&str]) -> RequestBuilder {
        let mut url = self.base.clone();
        // An id from outside stays one segment, whatever is in it.
        url.path_segments_mut().expect("an http address has a path").pop_if_empty().push("v2").extend(path);
        let call = self.http.request(method, url).bearer_auth(self.key.expose_secret());
        call.header("cal-api-version", controller.version())
    }

    async fn read<T: DeserializeOwned>(&self, call: RequestBuilder) -> Result<T, Failure> {
        Ok(self.api.ask::<Envelope<T>>(call).await?.data)
    }

    /// Of a series its first meeting.
    fn first(&self, answer: OneOrMany<Booking>) -> Result<Booking, Failure> {
        match answer {
            OneOrMany::One(booking) => Ok(*booking),
            OneOrMany::Many(all) => {
                all.into_iter().next().ok_or_else(|| self.api.malformed("it has no booking"))
            }
        }
    }
}

async fn change<T: DeserializeOwned>(api: &Api, call: RequestBuilder) -> Result<T, Failure> {
    Ok(api.ask_once::<Envelope<T>>(call).await?.data)
}

fn reservation(event_type: i64, start: Timestamp, minutes: Option<u32>) -> Value {
    let mut body = json!({ "eventTypeId": event_type, "slotStart": start });
    if let Some(minutes) = minutes {
        body["reservationDuration"] = json!(minutes);
    }
    body
}

fn attendee(guest: &Guest) -> Value {
    let mut attendee = json!({ "name": guest.name, "timeZone": guest.time_zone });
    let optional = [("email", &guest.email), ("phoneNumber", &guest.phone), ("language", &guest.language)];
    for (name, value) in optional.into_iter().filter(|(_, value)| !value.is_empty()) {
        attendee[name] = json!(value);
    }
    attendee
}

/// The range that begins at `from` and takes so many days.
pub(crate) fn days(event_type: i64, from: Timestamp, days: i64) -> Range {
    let to = from.saturating_add(SignedDuration::from_hours(24 * days)).unwrap_or(Timestamp::MAX);
    Range { event_type, from, to, zone: "UTC".to_owned(), moving: None }
}
