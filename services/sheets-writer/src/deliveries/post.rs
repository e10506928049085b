//! Sending one event once: the request, its signature, and what came of it.
//!
//! The invariant: nothing of the receiver's answer but its status and `Retry-After` goes any further, and a redirect
//! is not followed.

use std::time::Duration;

use chassis::{
    http::{RequestExt as _, ensure_crypto, read_within, retry_after},
    telemetry,
};
use jiff::Timestamp;
use reqwest::{Client, header, redirect};

use super::{
    destination::{Destination, NOTICES},
    event::webhook_id,
    guard::Guard,
    notices::Notices,
};

/// What a receiver may take.
pub(crate) const TIMEOUT: Duration = Duration::from_secs(10);
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// So much of an answer is read, for the connection's sake; the rest is dropped with it.
const ANSWER: usize = 64 << 10;
const USER_AGENT: &str = concat!("frontdesk/", env!("CARGO_PKG_VERSION"));
/// Says that an event has left a Frontdesk, so that one that comes back is not sent again.
const HOP: &str = "x-frontdesk-hop";

/// What came of an attempt.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Answer {
    /// HTTP status, if there was an answer.
    pub(crate) status: Option<u16>,
    /// Why it failed; `None` if it did not.
    pub(crate) error: Option<String>,
    /// When the receiver wants to see it again.
    pub(crate) retry_after: Option<Duration>,
}

/// The client that sends.
#[derive(Clone)]
pub(crate) struct Post {
    http: Client,
    timeout: Duration,
    notices: Option<Notices>,
}

// === impl Post ===

impl Post {
    pub(crate) fn new(guard: Guard, timeout: Duration) -> Self {
        ensure_crypto();
        let http = Client::builder()
            .connect_timeout(CONNECT_TIMEOUT)
            .tcp_nodelay(true)
            .redirect(redirect::Policy::none())
            // a proxy would resolve the name itself, unjudged
            .no_proxy()
            .dns_resolver(guard)
            .user_agent(USER_AGENT)
            .build()
            .expect("the crypto provider is installed");
        Self { http, timeout, notices: None }
    }

    /// The same, with the service that tells people.
    pub(crate) fn telling(self, notices: Option<Notices>) -> Self {
        Self { notices, ..self }
    }

    /// Sends a body to a destination.
    pub(super) async fn send(&self, to: &Destination, event_id: &str, body: &str, now: Timestamp) -> Answer {
        if let Some(notices) = self.notices.as_ref().filter(|_| to.name == NOTICES) {
            return notices.send(event_id, body, self.timeout).await;
        }
        let id = webhook_id(event_id);
        let mut request = self
            .http
            .post(to.address.expose())
            .header(header::CONTENT_TYPE, "application/json")
            .header("webhook-id", &id)
            .header("webhook-timestamp", now.as_second())
            .header(HOP, "1")
            .outbound(self.timeout);
        if let Some(keys) = &to.keys {
            request = request.header("webhook-signature", keys.sign(&id, now, body));
        }
        if let Some(fixed) = &to.header {
            request = request.header(&fixed.name, &fixed.value);
        }
        match telemetry::send(request.body(body.to_owned())).await {
            Ok(mut response) => {
                let answer = Answer::of(response.status().as_u16(), retry_after(response.headers()));
                // an answer that is too long or breaks off has said what matters before
                let _ = read_within(&mut response, ANSWER).await;
                answer
            }
            Err(error) => Answer::none(&error),
        }
    }
}

// === impl Answer ===

impl Answer {
    fn of(status: u16, retry_after: Option<Duration>) -> Self {
        let error = match status {
            200..300 => None,
            300..400 => Some(format!("the receiver answered {status}: redirects are not followed")),
            410 => Some("the receiver answered 410: it wants no more events".to_owned()),
            _ => Some(format!("the receiver answered {status}")),
        };
        Self { status: Some(status), error, retry_after }
    }

    /// No answer. The error's own text holds the address.
    fn none(error: &reqwest::Error) -> Self {
        let why = match error {
            error if error.is_timeout() => "the receiver did not answer in time",
            error if error.is_connect() => "no connection to the receiver, or its address is not public",
            _ => "the connection to the receiver broke",
        };
        Self { status: None, error: Some(why.to_owned()), retry_after: None }
    }

    /// The receiver wants nothing more, ever (Standard Webhooks, "Delivery success and failure").
    pub(super) fn is_gone(&self) -> bool {
        self.status == Some(410)
    }

    /// How long the receiver wants to be left alone altogether.
    pub(super) fn rest(&self) -> Option<Duration> {
        const UNSAID: Duration = Duration::from_secs(5);
        const LONGEST: Duration = Duration::from_secs(60);
        (self.status == Some(429)).then(|| self.retry_after.unwrap_or(UNSAID).min(LONGEST))
    }
}
