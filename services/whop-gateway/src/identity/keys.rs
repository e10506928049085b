//! The keys that Whop signs its users' tokens with.
//!
//! They are fetched when they are needed first, again after twelve hours, and at most every thirty seconds for a token that
//! none of them made, as both of Whop's SDKs do it. While they cannot be fetched the old ones hold for a day in all; then
//! nobody is known, since a key that Whop has withdrawn meanwhile would be trusted. The invariant: there is one fetch at a
//! time, however many wait for it, and it ends even if nobody waits any more.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use jiff::{SignedDuration, Timestamp};
use jsonwebtoken::DecodingKey;
use providers::api::{Api, Failure};
use serde::Deserialize;
use serde_json::Value;
use store::Clock;
use tracing::Instrument as _;
use url::Url;

const NAME: &str = "whop's keys";
/// Longest wait for the keys, by both SDKs.
const PATIENCE: Duration = Duration::from_secs(10);
/// Until they are fetched again, by both SDKs.
const FRESH: SignedDuration = SignedDuration::from_hours(12);
/// Until they are not believed any more.
const TRUSTED: SignedDuration = SignedDuration::from_hours(24);
/// Between two fetches, by both SDKs.
const COOL_DOWN: SignedDuration = SignedDuration::from_secs(30);
/// The same while there are no keys: nobody is known meanwhile.
const PAUSE: SignedDuration = SignedDuration::from_secs(5);
/// Most keys that are looked at.
const MOST: usize = 16;

/// A key.
pub(super) struct Key {
    pub(super) kid: Option<String>,
    pub(super) key: DecodingKey,
}

/// The keys of one fetch.
pub(super) struct Set {
    pub(super) keys: Vec<Key>,
    fetched_at: Timestamp,
}

/// The keys, and how they are had.
#[derive(Clone)]
pub(super) struct Keys(Arc<Fetching>);

struct Fetching {
    http: reqwest::Client,
    url: Url,
    api: Api,
    clock: Clock,
    known: Mutex<Option<Arc<Set>>>,
    /// Who holds it fetches.
    last: tokio::sync::Mutex<Option<Attempt>>,
}

/// The last fetch.
struct Attempt {
    at: Timestamp,
    /// Why it failed, if it did.
    trouble: Option<String>,
}

/// Why keys are wanted.
#[derive(Clone, Copy)]
enum Want {
    /// Any that are fresh.
    Fresh,
    /// Others than these.
    NewerThan(Timestamp),
}

#[derive(Deserialize)]
struct Wire {
    keys: Vec<Value>,
}

/// A key as RFC 7517 writes it.
#[derive(Deserialize)]
struct Jwk {
    kty: String,
    crv: String,
    x: String,
    y: String,
    #[serde(default)]
    kid: Option<String>,
    #[serde(default)]
    alg: Option<String>,
    #[serde(default, rename = "use")]
    purpose: Option<String>,
}

// === impl Keys ===

impl Keys {
    pub(super) fn new(url: &Url, clock: Clock) -> Self {
        Self(Arc::new(Fetching {
            http: chassis::http::client(),
            url: url.clone(),
            api: Api::new(NAME, "/error").within(PATIENCE),
            clock,
            known: Mutex::default(),
            last: tokio::sync::Mutex::default(),
        }))
    }

    /// The keys as they are known.
    pub(super) async fn known(&self) -> Result<Arc<Set>, Failure> {
        let Some(set) = self.0.known() else { return self.get(Want::Fresh).await };
        let age = (self.0.clock)().duration_since(set.fetched_at);
        // One waits for newer ones. To whoever comes meanwhile the old ones are good enough.
        if age < FRESH || (age < TRUSTED && self.0.last.try_lock().is_err()) {
            return Ok(set);
        }
        self.get(Want::Fresh).await
    }

    /// Keys that were fetched after those of `set`, unless that was tried just now: then those that are known.
    pub(super) async fn newer_than(&self, set: &Set) -> Result<Arc<Set>, Failure> {
        self.get(Want::NewerThan(set.fetched_at)).await
    }

    /// A task of its own gets them: whoever waits may go, and a deadline of theirs is not everybody's.
    async fn get(&self, want: Want) -> Result<Arc<Set>, Failure> {
        let fetching = self.0.clone();
        let got = tokio::spawn(async move { fetching.get(want).await }.in_current_span()).await;
        got.unwrap_or_else(|_| Err(unavailable("the fetch broke off")))
    }
}

// === impl Fetching ===

impl Fetching {
    fn known(&self) -> Option<Arc<Set>> {
        self.known.lock().expect("nobody panics while holding it").clone()
    }

    async fn get(&self, want: Want) -> Result<Arc<Set>, Failure> {
        let mut last = self.last.lock().await;
        let (now, known) = ((self.clock)(), self.known());
        let age = |set: &Set| now.duration_since(set.fetched_at);
        let is_enough = known.as_deref().is_some_and(|set| match want {
            Want::Fresh => age(set) < FRESH,
            Want::NewerThan(time) => set.fetched_at > time,
        });
        let is_trusted = known.as_deref().is_some_and(|set| age(set) < TRUSTED);
        let is_too_soon = last.as_ref().is_some_and(|last| last.is_recent(now, is_trusted));
        if !is_enough && !is_too_soon {
            let fetched = self.fetch(now).await;
            let trouble = fetched.as_ref().err().map(Failure::to_string);
            if let Some(error) = &trouble {
                tracing::warn!(error, "whop's keys could not be fetched");
            }
            // Who waited for it meanwhile must not fetch at once again.
            *last = Some(Attempt { at: (self.clock)(), trouble });
            if let Ok(set) = fetched {
                *self.known.lock().expect("nobody panics while holding it") = Some(Arc::new(set));
            }
        }
        let trouble = last.as_ref().and_then(|last| last.trouble.as_ref());
        match (self.known().filter(|set| age(set) < TRUSTED), trouble, want) {
            // Whether a token that none of the old keys made is forged cannot be told.
            (Some(_), Some(_), Want::NewerThan(_)) => Err(unavailable("newer ones could not be fetched")),
            (Some(set), _, _) => Ok(set),
            (None, _, _) => Err(unavailable("they could not be fetched")),
        }
    }

    async fn fetch(&self, now: Timestamp) -> Result<Set, Failure> {
        let wire: Wire = self.api.ask_once(self.http.get(self.url.clone())).await?;
        let keys: Vec<Key> = wire.keys.into_iter().take(MOST).filter_map(key).collect();
        if keys.is_empty() {
            return Err(self.api.malformed("it has no key of ES256"));
        }
        Ok(Set { keys, fetched_at: now })
    }
}

// === impl Attempt ===

impl Attempt {
    /// Whether it is too soon after it for another. With keys that are `trusted` there is time.
    fn is_recent(&self, now: Timestamp, trusted: bool) -> bool {
        let pause = if trusted { COOL_DOWN } else { PAUSE };
        // A clock that was set back must not keep the keys from being fetched.
        (SignedDuration::ZERO..pause).contains(&now.duration_since(self.at))
    }
}

/// A key of ES256; none if it is for something else.
fn key(wire: Value) -> Option<Key> {
    let jwk: Jwk = serde_json::from_value(wire).ok()?;
    let is = |word: &Option<String>, expected: &str| word.as_deref().is_none_or(|word| word == expected);
    let fits = jwk.kty == "EC" && jwk.crv == "P-256" && is(&jwk.alg, "ES256") && is(&jwk.purpose, "sig");
    let key = DecodingKey::from_ec_components(&jwk.x, &jwk.y).ok()?;
    // A point of P-256 that is not compressed.
    let is_point = key.try_get_as_bytes().is_ok_and(|point| point.len() == 65);
    (fits && is_point).then_some(Key { kid: jwk.kid, key })
}

fn unavailable(why: &str) -> Failure {
    Failure::Unavailable { provider: NAME, why: why.to_owned(), hint: None }
}
