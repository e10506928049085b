//! Proof of who is calling, for calls between services on Cloud Run.
//!
//! Google's metadata server issues ID tokens for the service account of the instance; Cloud Run checks them before the
//! callee sees a byte. The invariant: a token is used for its audience only, and not in its last five minutes unless
//! no newer one can be had.

use std::{sync::Arc, time::Duration};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use jiff::Timestamp;
use secrecy::{ExposeSecret as _, SecretString};
use tokio::sync::Mutex;

use crate::http;

/// Where the metadata server is, unless `GCE_METADATA_HOST` says otherwise.
pub const METADATA_HOST: &str = "metadata.google.internal";

const PATH: &str = "computeMetadata/v1/instance/service-accounts/default/identity";
const TIMEOUT: Duration = Duration::from_secs(3);
/// So long before its end a token is replaced.
const MARGIN: Duration = Duration::from_secs(300);

/// Why there is no token.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The metadata server did not answer as it should.
    #[error("the metadata server gave no id token")]
    Metadata(#[source] reqwest::Error),
    /// What it answered is not a JWT with an end.
    #[error("the metadata server's answer is not an id token")]
    Malformed,
}

/// ID tokens for one audience.
#[derive(Clone, Debug)]
pub struct IdTokens {
    http: reqwest::Client,
    url: String,
    audience: String,
    kept: Arc<Mutex<Option<Kept>>>,
}

#[derive(Clone, Debug)]
struct Kept {
    token: SecretString,
    end: Timestamp,
}

// === impl IdTokens ===

impl IdTokens {
    /// Tokens for `audience` (the callee's origin) from the metadata server at `host`.
    pub fn new(host: &str, audience: impl Into<String>) -> Self {
        Self {
            http: http::client(),
            url: format!("http://{host}/{PATH}"),
            audience: audience.into(),
            kept: Arc::default(),
        }
    }

    /// The token to send at `now`. Callers that come at once share one request.
    ///
    /// # Errors
    /// There is no valid token and the metadata server gives none.
    pub async fn token(&self, now: Timestamp) -> Result<SecretString, Error> {
        let mut kept = self.kept.lock().await;
        if let Some(kept) = kept.as_ref().filter(|kept| now + MARGIN < kept.end) {
            return Ok(kept.token.clone());
        }
        match (self.fetch().await, kept.as_ref().filter(|kept| now < kept.end)) {
            (Ok(fresh), _) => Ok(kept.insert(fresh).token.clone()),
            (Err(_), Some(old)) => Ok(old.token.clone()),
            (Err(failure), None) => Err(failure),
        }
    }

    async fn fetch(&self) -> Result<Kept, Error> {
        let request = self.http.get(&self.url).query(&[("audience", &self.audience)]);
        let request = request.header("Metadata-Flavor", "Google").timeout(TIMEOUT);
        let response = request.send().await.and_then(reqwest::Response::error_for_status);
        let response = response.map_err(|failure| Error::Metadata(failure.without_url()))?;
        let text = response.text().await.map_err(|failure| Error::Metadata(failure.without_url()))?;
        let token = SecretString::from(text.trim());
        let end = end_of(token.expose_secret()).ok_or(Error::Malformed)?;
        Ok(Kept { token, end })
    }
}

/// When the JWT `token` ends. Its signature is for the callee to check.
fn end_of(token: &str) -> Option<Timestamp> {
    #[derive(serde::Deserialize)]
    struct Claims {
        exp: i64,
    }
    let payload = URL_SAFE_NO_PAD.decode(token.split('.').nth(1)?).ok()?;
    let claims: Claims = serde_json::from_slice(&payload).ok()?;
    Timestamp::from_second(claims.exp).ok()
}

#[cfg(test)]
mod tests {
    use std::{
        collections::HashMap,
        sync::atomic::{AtomicI64, Ordering},
    };

    use axum::{Router, extract::Query, http::HeaderMap, routing::get};
    use jiff::ToSpan as _;

    use super::*;

    const NOW: Timestamp = Timestamp::constant(1_800_000_000, 0);

    fn jwt(audience: &str, end: i64) -> String {
        let payload = serde_json::json!({ "aud": audience, "exp": end }).to_string();
        format!("e30.{}.c2ln", URL_SAFE_NO_PAD.encode(payload))
    }

    /// A metadata server whose tokens end a second later each time; from the third on it is out of order.
    async fn metadata() -> String {
        let asked = Arc::new(AtomicI64::new(0));
        let answer = move |headers: HeaderMap, Query(query): Query<HashMap<String, String>>| {
            let asked = asked.fetch_add(1, Ordering::Relaxed);
            let proper = headers.get("metadata-flavor").is_some_and(|flavor| flavor == "Google");
            let answer = match query.get("audience") {
                Some(audience) if proper && asked < 2 => Ok(jwt(audience, NOW.as_second() + 3_600 + asked)),
                _ => Err(axum::http::StatusCode::FORBIDDEN),
            };
            async { answer }
        };
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let host = listener.local_addr().unwrap().to_string();
        let router = Router::new().route(&format!("/{PATH}"), get(answer));
        tokio::spawn(async move { axum_serve(listener, router).await });
        host
    }

    async fn axum_serve(listener: tokio::net::TcpListener, router: Router) {
        crate::serve(listener, router.into(), crate::Context::new("metadata", false)).await;
    }

    #[tokio::test]
    async fn a_token_is_kept_until_five_minutes_before_its_end() {
        let tokens = IdTokens::new(&metadata().await, "https://callee.example");
        let end = NOW.as_second() + 3_600;
        let first = jwt("https://callee.example", end);
        let second = jwt("https://callee.example", end + 1);
        for (minutes, expected) in
            [(0, Some(&first)), (54, Some(&first)), (55, Some(&second)), (56, Some(&second)), (60, None)]
        {
            let token = tokens.token(NOW + minutes.minutes()).await;
            match expected {
                Some(expected) => assert_eq!(token.unwrap().expose_secret(), expected, "after {minutes} min"),
                // refused, but the kept one is good for another second
                None => assert_eq!(token.unwrap().expose_secret(), &second),
            }
        }
        let failure = tokens.token(NOW + 61.minutes()).await.unwrap_err();
        assert!(matches!(failure, Error::Metadata(_)));
        assert!(!format!("{failure:?}").contains("callee"));
    }

    #[tokio::test]
    async fn callers_that_come_at_once_share_one_request() {
        let tokens = IdTokens::new(&metadata().await, "https://callee.example");
        let asked = futures_util::future::join_all((0..8).map(|_| tokens.token(NOW))).await;
        let first = jwt("https://callee.example", NOW.as_second() + 3_600);
        assert!(asked.into_iter().all(|token| token.unwrap().expose_secret() == first));
    }

    #[test]
    fn what_is_no_token_has_no_end() {
        for text in ["", "a.b.c", "e30.e30.x", "<html>"] {
            assert_eq!(end_of(text), None, "{text}");
        }
        assert_eq!(end_of(&jwt("x", 7)), Some(Timestamp::constant(7, 0)));
    }
}
