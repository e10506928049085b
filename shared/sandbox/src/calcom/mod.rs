//! Cal.com's API v2: a calendar of one person, its slots, reservations, bookings and webhooks.
//!
//! It exists so that the production client meets Cal.com's own rules, as `apps/api/v2` of cal.com writes them. The
//! invariant: a change is on the disk before it is answered and before its webhook is made.
//!
//! Where it is stricter than Cal.com, so that a mistake of a client shows at once: properties and parameters that the
//! published schema does not have are refused (Cal.com drops them); a time must say that it is in UTC; every call
//! needs the key; a booking begins on a slot that `GET /v2/slots` would show; and a wrong or missing `cal-api-version`
//! is 404, while Cal.com silently goes on with an older shape, which is not played here.

mod act;
mod ask;
mod bookings;
mod check;
mod error;
mod event_types;
mod hand;
mod hours;
mod limit;
mod list;
mod model;
mod notice;
mod order;
mod persist;
mod routes;
mod slots;
mod time;
mod view;
mod visit;

use std::{
    collections::BTreeSet,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Instant,
};

use axum::{
    body::Bytes,
    extract::{Query, State, rejection::QueryRejection},
    http::{HeaderMap, Method, StatusCode, Uri, header},
    response::{IntoResponse, Response},
};
use jiff::{SignedDuration, Timestamp};

use self::{act::Turn, error::Refusal, limit::Throttle, model::Book};
pub use self::{
    hand::Calendar,
    model::{INTRO_CALL, STRATEGY_CONSULT},
    visit::{Declined, Side, Visit},
};
use crate::{Provider, Sandbox, db::Db, edge::bearer};

/// The API key that the stand-in takes.
pub const CALCOM_API_KEY: &str = "cal_test_sandbox0000000000000000000000";

/// Cal.com's source names no longest reservation; this is ours, in minutes: a day and a little more.
const LONGEST_RESERVATION: i64 = 25 * 60;

/// What a person has set in the calendar; it lasts as long as the process.
#[derive(Clone, Debug)]
struct Settings {
    /// How far the calendar's clock is ahead.
    ahead: SignedDuration,
    longest_reservation: i64,
    /// Event types whose bookings the owner confirms first.
    confirmed_first: BTreeSet<i64>,
}

/// The calendar, its file and its throttle.
pub(crate) struct CalCom {
    db: Db,
    book: Mutex<Book>,
    throttle: Mutex<Throttle>,
    settings: Mutex<Settings>,
}

// === impl CalCom ===

impl CalCom {
    pub(crate) fn open(db: Db) -> anyhow::Result<Self> {
        let book = persist::load(&db.lock())?;
        let settings = Settings {
            ahead: SignedDuration::ZERO,
            longest_reservation: LONGEST_RESERVATION,
            confirmed_first: BTreeSet::new(),
        };
        Ok(Self { db, book: Mutex::new(book), throttle: Mutex::default(), settings: Mutex::new(settings) })
    }

    fn settings(&self) -> Settings {
        lock(&self.settings).clone()
    }

    /// Now, by the calendar's clock.
    fn now(&self) -> Timestamp {
        time::whole(Timestamp::now() + lock(&self.settings).ahead)
    }

    /// The book as it is now.
    fn book(&self) -> Book {
        lock(&self.book).clone()
    }
}

impl Sandbox {
    /// Does something with the calendar: all of it, or nothing. Its webhooks are made in the order of the changes.
    fn turn<T>(&self, act: impl FnOnce(&mut Turn) -> Result<T, Refusal>) -> Result<T, Refusal> {
        let calcom = &self.0.calcom;
        let mut book = lock(&calcom.book);
        let mut turn = Turn::new(book.clone(), calcom.settings(), calcom.now());
        let done = act(&mut turn)?;
        persist::save(&mut calcom.db.lock(), &book, &turn.book)?;
        *book = turn.book;
        for message in turn.told {
            self.announce(Provider::CalCom, message);
        }
        Ok(done)
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// An error of this status in Cal.com's shape, as a fault answers it.
pub(crate) fn refusal(status: StatusCode) -> Response {
    Refusal::of_status(status).answer("/v2", Timestamp::now())
}

/// Answers every path under `/calcom/v2/`.
pub(crate) async fn answer(
    State(sandbox): State<Sandbox>,
    method: Method,
    uri: Uri,
    query: Result<Query<Vec<(String, String)>>, QueryRejection>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let path = uri.path_and_query().map_or("", |path| path.as_str());
    let path = path.strip_prefix("/calcom").unwrap_or(path).to_owned();
    let now = sandbox.0.calcom.now();
    let refused = match bearer(&headers) {
        None => Some(
            "No authentication method provided. Either pass an API key as 'Bearer' header or OAuth client credentials as 'x-cal-secret-key' and 'x-cal-client-id' headers",
        ),
        Some(CALCOM_API_KEY) => None,
        Some(_) => Some("CustomThrottlerGuard - Invalid API Key"),
    };
    if let Some(why) = refused {
        return Refusal::unauthorized(why).answer(&path, now);
    }
    let verdict = lock(&sandbox.0.calcom.throttle).take(Instant::now());
    let mut response = if verdict.admitted {
        let ask = ask::Ask::new(method, &uri, query.ok().map(|Query(pairs)| pairs), &headers, body);
        // The database waits for the disk, so it gets a thread where waiting is fine.
        let work = tokio::task::spawn_blocking(move || routes::dispatch(&sandbox, &ask));
        match work.await {
            Ok(Ok((status, value))) => (status, axum::Json(value)).into_response(),
            Ok(Err(refused)) => refused.answer(&path, now),
            Err(_) => refusal(StatusCode::INTERNAL_SERVER_ERROR),
        }
    } else {
        Refusal::throttled().answer(&path, now)
    };
    verdict.write(response.headers_mut());
    response
}

/// Whether the body of a request is read at all.
fn is_json(headers: &HeaderMap) -> bool {
    headers
        .get(header::CONTENT_TYPE)
        .and_then(|kind| kind.to_str().ok())
        .is_some_and(|kind| kind.split(';').next().is_some_and(|kind| kind.trim() == "application/json"))
}
