//! What is asked: sessions of new visitors and of known ones, events alone and in arrays.
//!
//! The invariant: no two visitors and no two events of a run are the same, unless they are meant to be.

use std::{
    net::SocketAddr,
    sync::atomic::{AtomicU64, AtomicUsize, Ordering},
};

use anyhow::{Context as _, ensure};
use hmac::{Hmac, KeyInit as _, Mac as _};
use jiff::Timestamp;
use serde_json::{Value, json};
use sha2::Sha256;

use crate::{
    browser::{Browser, Request},
    proxy,
    rig::fleet::{EVENTS_SECRET, STRIPE_SECRET},
    subject::Kind,
};

const SESSION: &str = "/api/chatkit/session";
const EVENTS: &str = "/webhooks/ajd/chat-events";
const STRIPE: &str = "/webhooks/stripe";
/// Events of an array: the most that is allowed.
pub(crate) const MANY: usize = 100;
/// Visitors who ask again.
const VISITORS: usize = 256;

/// A kind of request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Traffic {
    /// A new visitor asks for a session.
    Mint,
    /// A visitor asks for the session that is held.
    Held,
    /// A turn of somebody who only asks.
    Turn,
    /// A turn that makes a contact and a lead.
    Lead,
    /// Turns in arrays of [`MANY`].
    Turns,
    /// A webhook of Stripe's, of a type that asks for no work: verified, committed, answered.
    Webhook,
}

/// Makes one request after the other.
pub(crate) type Source = Box<dyn Fn() -> Request + Sync>;

/// Visitors who hold a session.
struct Known {
    requests: Vec<Request>,
    next: AtomicUsize,
}

/// A number that nobody had before.
fn fresh() -> u64 {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    NEXT.fetch_add(1, Ordering::Relaxed)
}

/// A new visitor asks for a session.
fn mint() -> Request {
    Request::post(SESSION, &[], &session(Some(fresh()))).wants(200, "\"mode\":\"hosted\"")
}

/// What session-broker sends to OpenAI, for the yardstick that forwards it.
fn bare_mint() -> Request {
    let body = json!({
        "user": format!("vis_{:032x}", fresh()),
        "workflow": {"id": "wf_sandbox_benchmark", "state_variables": {"utm_source": "yt"}},
        "expires_after": {"anchor": "created_at", "seconds": 600},
    });
    Request::post(proxy::MINT, &[], &body.to_string()).wants(200, "\"client_secret\":\"ek_")
}

/// What a known visitor sends, for the yardstick that answers at once.
fn bare_held() -> Request {
    Request::post(proxy::HELD, &[], &session(None)).wants(200, "\"client_secret\":")
}

fn post_events(body: &Value, count: usize) -> Request {
    let secret = [("x-frontdesk-secret", EVENTS_SECRET)];
    let wanted = format!("\"accepted\":{count},\"duplicates\":0");
    Request::post(EVENTS, &secret, &body.to_string()).wants(202, wanted)
}

/// An event as Stripe sends it, signed now.
fn webhook() -> Request {
    let number = fresh();
    let event = json!({
        "id": format!("evt_{number}"),
        "object": "event",
        "api_version": "2026-10-28.endive",
        "created": Timestamp::now().as_second(),
        "type": "customer.updated",
        "livemode": false,
        "pending_webhooks": 1,
        "request": {"id": null, "idempotency_key": null},
        "data": {"object": {
            "id": format!("cus_{number}"),
            "object": "customer",
            "description": "x".repeat(1_500),
        }},
    });
    let (body, at) = (event.to_string(), Timestamp::now().as_second());
    let mut mac = Hmac::<Sha256>::new_from_slice(STRIPE_SECRET.as_bytes()).expect("a key of any length");
    mac.update(format!("{at}.{body}").as_bytes());
    let signature = format!("t={at},v1={}", domain::id::hex(&mac.finalize().into_bytes()));
    Request::post(STRIPE, &[("stripe-signature", &signature)], &body).wants(200, "\"duplicate\":false")
}

fn bare_event() -> Request {
    Request::post(proxy::EVENTS, &[], &turn("none", 0.1).to_string()).wants(202, "\"accepted\":1")
}

fn session(device: Option<u64>) -> String {
    let mut body = json!({
        "modes": ["hosted"],
        "page": "/services",
        "traits": {"utm_source": "yt"},
    });
    if let Some(device) = device {
        body["deviceId"] = format!("00000000-0000-4000-8000-{device:012x}").into();
    }
    body.to_string()
}

fn turn(intent: &str, score: f64) -> Value {
    let number = fresh();
    json!({
        "type": "chat.turn",
        "session_id": format!("ck_{number}"),
        "occurred_at": "2025-10-28T16:20:00Z",
        "page": "/services",
        "message": format!("{number}: I need a marketing automation package"),
        "intent": intent,
        "score": score,
        "traits": {"utm_source": "yt", "utm_campaign": "oct_launch"},
    })
}

// === impl Traffic ===

impl Traffic {
    /// Requests of this kind for a subject.
    pub(crate) fn source(self, kind: Kind, address: SocketAddr) -> anyhow::Result<Source> {
        Ok(match (self, kind) {
            (Self::Mint, Kind::Bare) => Box::new(bare_mint),
            (Self::Held, Kind::Bare) => Box::new(bare_held),
            (Self::Turn | Self::Lead | Self::Turns | Self::Webhook, Kind::Bare) => Box::new(bare_event),
            (Self::Mint, _) => Box::new(mint),
            (Self::Held, _) => {
                let known = Known::meet(address)?;
                Box::new(move || known.ask())
            }
            (Self::Webhook, _) => Box::new(webhook),
            (Self::Turn, _) => Box::new(|| post_events(&turn("none", 0.1), 1)),
            (Self::Lead, _) => Box::new(|| post_events(&turn("buy_inquiry", 0.72), 1)),
            (Self::Turns, _) => {
                Box::new(|| post_events(&(0..MANY).map(|_| turn("none", 0.1)).collect(), MANY))
            }
        })
    }

    /// Events, or sessions, that a request brings.
    pub(crate) fn events(self) -> usize {
        if self == Self::Turns { MANY } else { 1 }
    }

    /// How many of so many requests OpenAI is asked for a session.
    pub(crate) fn minted(self, requests: usize) -> u64 {
        if self == Self::Mint { requests as u64 } else { 0 }
    }
}

// === impl Known ===

impl Known {
    /// New visitors, each with a session.
    fn meet(address: SocketAddr) -> anyhow::Result<Self> {
        let mut browser = Browser::connect(address)?;
        let requests = (0..VISITORS).map(|_| {
            let answer: Value = serde_json::from_slice(browser.ask(&mint())?)?;
            let text = |name: &str| answer[name].as_str().with_context(|| format!("no {name}"));
            let token = [("x-frontdesk-visitor", text("visitor_token")?)];
            let secret = text("client_secret")?;
            ensure!(secret.starts_with("ek_"), "the secret is not the stand-in's");
            Ok(Request::post(SESSION, &token, &session(None)).wants(200, secret))
        });
        Ok(Self { requests: requests.collect::<anyhow::Result<_>>()?, next: AtomicUsize::new(0) })
    }

    /// One of them asks again, and must be answered the secret that it holds.
    fn ask(&self) -> Request {
        let next = self.next.fetch_add(1, Ordering::Relaxed);
        self.requests[next % self.requests.len()].clone()
    }
}
