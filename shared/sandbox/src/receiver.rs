//! A receiver of outgoing events, in n8n's place or anybody's: it verifies as Standard Webhooks says and answers as it
//! is told to.
//!
//! It knows nothing of how Frontdesk signs; the scheme is the specification's (1.0.0). The invariant: a request whose
//! signature does not hold is answered 401, kept apart, and counts as received by nobody.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use axum::{
    Router,
    body::Bytes,
    extract::State,
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse as _, Response},
};
use base64::{Engine as _, prelude::BASE64_STANDARD};
use hmac::{Hmac, KeyInit as _, Mac as _};
use jiff::Timestamp;
use serde_json::Value;
use sha2::Sha256;

use crate::edge::no_answer;

/// How far the signed time may be away, in seconds.
const TOLERANCE: i64 = 300;

/// How the receiver answers a request whose signature holds.
#[derive(Clone, Debug)]
pub enum Mood {
    /// 204.
    Fine,
    /// 204, after this time.
    Slow(Duration),
    /// This status, with `Retry-After` in seconds if there is one.
    Refusing(u16, Option<u64>),
    /// 307 to this address.
    Redirecting(String),
    /// No answer, ever.
    Hanging,
    /// The connection closes without an answer.
    Resetting,
}

/// One request whose signature held.
#[derive(Clone, Debug)]
pub struct Got {
    /// `webhook-id`.
    pub id: String,
    /// `X-Frontdesk-Hop`, if it was there.
    pub hop: Option<String>,
    /// The body.
    pub body: Value,
    /// It was answered 2xx.
    pub taken: bool,
}

#[derive(Default)]
struct Memory {
    moods: VecDeque<Mood>,
    got: Vec<Got>,
    forged: usize,
}

/// A receiver. Clones share one memory.
#[derive(Clone)]
pub struct Receiver {
    key: Arc<[u8]>,
    memory: Arc<Mutex<Memory>>,
}

// === impl Receiver ===

impl Receiver {
    /// A receiver that knows this secret, `whsec_…`.
    ///
    /// # Errors
    /// It is no such secret.
    pub fn new(secret: &str) -> anyhow::Result<Self> {
        let encoded =
            secret.strip_prefix("whsec_").ok_or_else(|| anyhow::anyhow!("a secret begins with whsec_"))?;
        Ok(Self { key: BASE64_STANDARD.decode(encoded)?.into(), memory: Arc::default() })
    }

    /// Its endpoint, at every path. Serve it with [`crate::serve()`], which can reset connections.
    pub fn router(&self) -> Router {
        Router::new().fallback(take).with_state(self.clone())
    }

    /// Answers the next requests like this, one each, and fine after that.
    pub fn then(&self, moods: impl IntoIterator<Item = Mood>) {
        self.memory().moods.extend(moods);
    }

    /// What came and was signed, oldest first.
    pub fn got(&self) -> Vec<Got> {
        self.memory().got.clone()
    }

    /// How many requests were not signed as they should be.
    pub fn forged(&self) -> usize {
        self.memory().forged
    }

    fn memory(&self) -> MutexGuard<'_, Memory> {
        self.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn verify(&self, headers: &HeaderMap, body: &[u8], now: Timestamp) -> Option<String> {
        let text = |name: &str| headers.get(name)?.to_str().ok();
        let (id, at) = (text("webhook-id")?, text("webhook-timestamp")?);
        if (now.as_second() - at.parse::<i64>().ok()?).abs() > TOLERANCE {
            return None;
        }
        let signed = |signature: &str| {
            let mac = Hmac::<Sha256>::new_from_slice(&self.key).ok()?;
            let given = BASE64_STANDARD.decode(signature.strip_prefix("v1,")?).ok()?;
            let content = [id.as_bytes(), b".", at.as_bytes(), b".", body].concat();
            mac.chain_update(content).verify_slice(&given).ok()
        };
        text("webhook-signature")?
            .split(' ')
            .any(|signature| signed(signature).is_some())
            .then(|| id.to_owned())
    }
}

async fn take(State(receiver): State<Receiver>, headers: HeaderMap, body: Bytes) -> Response {
    let Some(id) = receiver.verify(&headers, &body, Timestamp::now()) else {
        receiver.memory().forged += 1;
        return StatusCode::UNAUTHORIZED.into_response();
    };
    let mood = {
        let mut memory = receiver.memory();
        let mood = memory.moods.pop_front().unwrap_or(Mood::Fine);
        let hop = headers.get("x-frontdesk-hop").and_then(|hop| hop.to_str().ok()).map(str::to_owned);
        let body = serde_json::from_slice(&body).unwrap_or_default();
        let taken = matches!(mood, Mood::Fine | Mood::Slow(_));
        memory.got.push(Got { id, hop, body, taken });
        mood
    };
    match mood {
        Mood::Fine => StatusCode::NO_CONTENT.into_response(),
        Mood::Slow(time) => {
            tokio::time::sleep(time).await;
            StatusCode::NO_CONTENT.into_response()
        }
        Mood::Refusing(status, seconds) => {
            let status = StatusCode::from_u16(status).unwrap_or(StatusCode::SERVICE_UNAVAILABLE);
            let mut response = status.into_response();
            if let Some(seconds) = seconds {
                response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
            }
            response
        }
        Mood::Redirecting(to) => (StatusCode::TEMPORARY_REDIRECT, [(header::LOCATION, to)]).into_response(),
        Mood::Hanging => std::future::pending().await,
        Mood::Resetting => no_answer(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The vector that the published libraries are tested with.
    #[test]
    fn the_published_vector_holds_and_nothing_near_it_does() {
        let receiver = Receiver::new("whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD").unwrap();
        let body = br#"{"email":"test@example.com","username":"test_user"}"#;
        let now = |seconds: i64| Timestamp::from_second(1_649_367_553 + seconds).unwrap();
        let headers = |signature: &str| {
            let pairs = [
                ("webhook-id", "msg_27UH4WbU6Z5A5EzD8u03UvzRbpk"),
                ("webhook-timestamp", "1649367553"),
                ("webhook-signature", signature),
            ];
            pairs
                .into_iter()
                .map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap()))
                .collect::<HeaderMap>()
        };
        let good = "v1,tZ1I4/hDygAJgO5TYxiSd6Sd0kDW6hPenDe+bTa3Kkw=";
        assert!(receiver.verify(&headers(good), body, now(300)).is_some());
        assert!(receiver.verify(&headers(&format!("v1,AAAA {good}")), body, now(0)).is_some());
        assert!(receiver.verify(&headers(good), body, now(301)).is_none());
        assert!(receiver.verify(&headers(good), b"{}", now(0)).is_none());
        assert!(receiver.verify(&headers(&good.replace("v1,t", "v1,u")), body, now(0)).is_none());
    }
}
