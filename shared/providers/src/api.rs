//! Calls to a provider's JSON API, and how they fail, sorted by who can do something about it.
//!
//! The invariant: a failure holds no text that a provider wrote for people, which may quote a key or an address. What it
//! keeps of an answer is its status and the words that programs compare.

use std::{fmt, sync::Arc, time::Duration};

use chassis::{
    http::RequestExt as _,
    retry::{Policy, Verdict, retry},
    telemetry,
};
use reqwest::{RequestBuilder, StatusCode, header::HeaderMap};
use serde::de::DeserializeOwned;
use serde_json::Value;
use store::queue::Trouble;

/// Longest wait for one answer.
const ATTEMPT: Duration = Duration::from_secs(8);
/// Longest answer that is read.
const LONGEST_ANSWER: usize = 4 << 20;
/// The wait when a 429 names none.
const DEFAULT_WAIT: Duration = Duration::from_secs(5);
/// Longest word of an answer that is kept.
const LONGEST_WORD: usize = 64;
/// One more try, soon: somebody may wait.
const RETRY: Policy =
    Policy { attempts: 2, base: Duration::from_millis(150), cap: Duration::from_millis(1_500) };

/// A call to a provider that did not do what was asked.
#[derive(Clone, Debug, thiserror::Error)]
pub enum Failure {
    /// It will refuse the same call again: a wrong key, a thing that is not there, a slot that is taken.
    #[error("{provider} refused with status {status} ({code})")]
    Refused {
        /// Who.
        provider: &'static str,
        /// The HTTP status.
        status: StatusCode,
        /// What the provider calls it, or `none`.
        code: Word,
    },
    /// Its own limit. The call was not made.
    #[error("{provider} takes no calls for {wait:?}")]
    RateLimited {
        /// Who.
        provider: &'static str,
        /// How long to stay away.
        wait: Duration,
    },
    /// No answer, or 5xx: it may have been done or not.
    #[error("{provider} is unavailable: {why}")]
    Unavailable {
        /// Who.
        provider: &'static str,
        /// In what way.
        why: String,
        /// When the provider says to come back.
        hint: Option<Duration>,
    },
    /// An answer that is not what the API describes: it may have been done or not.
    #[error("{provider}'s answer makes no sense: {why}")]
    Malformed {
        /// Who.
        provider: &'static str,
        /// In what way.
        why: &'static str,
    },
}

/// Text of a shape that keys and addresses do not have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Word(String);

/// How fast a provider may be asked.
#[async_trait::async_trait]
pub trait Pacing: Send + Sync {
    /// Waits until an attempt may begin.
    ///
    /// # Errors
    /// It would take too long: [`Failure::RateLimited`].
    async fn keep(&self) -> Result<(), Failure>;
}

/// A way to one provider.
#[derive(Clone)]
pub struct Api {
    provider: &'static str,
    /// Where an error's answer says what it is, e.g. `/error/code`.
    code_at: &'static str,
    attempt: Duration,
    pace: Option<Arc<dyn Pacing>>,
}

// === impl Word ===

impl Word {
    fn of(value: Option<&Value>) -> Self {
        let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'.');
        let fits = |text: &&str| !text.is_empty() && text.len() <= LONGEST_WORD && text.bytes().all(plain);
        Self(value.and_then(Value::as_str).filter(fits).unwrap_or("none").to_owned())
    }
}

impl fmt::Display for Word {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

// === impl Failure ===

impl Failure {
    /// Whether what was asked for is certainly not done.
    pub fn is_refusal(&self) -> bool {
        matches!(self, Self::Refused { .. } | Self::RateLimited { .. })
    }

    /// The thing is not there.
    pub fn is_not_found(&self) -> bool {
        matches!(self, Self::Refused { status: StatusCode::NOT_FOUND, .. })
    }

    /// The HTTP status of the answer; `None` if there was none.
    pub fn status(&self) -> Option<u16> {
        match self {
            Self::Refused { status, .. } => Some(status.as_u16()),
            Self::RateLimited { .. } => Some(StatusCode::TOO_MANY_REQUESTS.as_u16()),
            Self::Unavailable { .. } | Self::Malformed { .. } => None,
        }
    }

    /// How long the provider wants no call, if it says so.
    pub fn wait(&self) -> Option<Duration> {
        match self {
            Self::RateLimited { wait, .. } => Some(*wait),
            Self::Unavailable { hint, .. } => *hint,
            Self::Refused { .. } | Self::Malformed { .. } => None,
        }
    }

    /// The one log line of a failure, as loud as somebody must act on it.
    pub fn report(&self) {
        match self {
            Self::Refused { .. } | Self::Malformed { .. } => {
                tracing::error!(error = %self, "a provider refused the call");
            }
            Self::RateLimited { .. } | Self::Unavailable { .. } => {
                tracing::warn!(error = %self, "a provider took no call");
            }
        }
    }
}

impl From<Failure> for Trouble {
    fn from(failure: Failure) -> Self {
        Self { retry_after: failure.wait(), ..Self::new(failure.to_string()) }
    }
}

// === impl Api ===

impl fmt::Debug for Api {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Api").field("provider", &self.provider).finish_non_exhaustive()
    }
}

impl Api {
    /// The API of `provider`, whose errors say what they are at `code_at`, a JSON pointer.
    pub fn new(provider: &'static str, code_at: &'static str) -> Self {
        Self { provider, code_at, attempt: ATTEMPT, pace: None }
    }

    /// The same, no attempt of which begins before its time has come.
    pub fn paced(self, pace: Arc<dyn Pacing>) -> Self {
        Self { pace: Some(pace), ..self }
    }

    /// The same, which waits so long for one answer.
    pub fn within(self, attempt: Duration) -> Self {
        Self { attempt, ..self }
    }

    /// Asks, and once more where that cannot do anything twice: reads, and what carries an idempotency key.
    pub async fn ask<T: DeserializeOwned>(&self, request: RequestBuilder) -> Result<T, Failure> {
        // An attempt owns its request: the compiler cannot show that a future which borrows it is `Send`.
        let api = self.clone();
        let again = move || {
            let request = request.try_clone().expect("the body is no stream");
            let api = api.clone();
            async move { api.attempt(request).await }
        };
        self.read(&retry(RETRY, verdict, again).await?)
    }

    /// Asks once, for what would be done twice.
    pub async fn ask_once<T: DeserializeOwned>(&self, request: RequestBuilder) -> Result<T, Failure> {
        self.read(&self.attempt(request).await?)
    }

    /// An answer that is not what it should be.
    pub fn malformed(&self, why: &'static str) -> Failure {
        Failure::Malformed { provider: self.provider, why }
    }

    fn read<T: DeserializeOwned>(&self, body: &[u8]) -> Result<T, Failure> {
        serde_json::from_slice(body).map_err(|_| self.malformed("it lacks what is needed of it"))
    }

    async fn attempt(&self, request: RequestBuilder) -> Result<Vec<u8>, Failure> {
        if let Some(pace) = &self.pace {
            pace.keep().await?;
        }
        let broken = |error: &reqwest::Error| self.broken(error);
        let mut response =
            telemetry::send(request.outbound(self.attempt)).await.map_err(|error| broken(&error))?;
        let answer = match chassis::http::read_within(&mut response, LONGEST_ANSWER).await {
            Ok(body) => body.ok_or_else(|| self.malformed("it is longer than 4 MB")),
            Err(error) => Err(broken(&error)),
        };
        if response.status().is_success() {
            return answer;
        }
        // The status says enough when the body of a failure cannot be read.
        Err(self.of_answer(response.status(), response.headers(), &answer.unwrap_or_default()))
    }

    fn of_answer(&self, status: StatusCode, headers: &HeaderMap, body: &[u8]) -> Failure {
        let (provider, hint) = (self.provider, chassis::http::retry_after(headers));
        if status == StatusCode::TOO_MANY_REQUESTS {
            return Failure::RateLimited { provider, wait: hint.unwrap_or(DEFAULT_WAIT) };
        }
        if status.is_server_error() {
            return Failure::Unavailable { provider, why: format!("status {}", status.as_u16()), hint };
        }
        let body: Value = serde_json::from_slice(body).unwrap_or_default();
        Failure::Refused { provider, status, code: Word::of(body.pointer(self.code_at)) }
    }

    fn broken(&self, error: &reqwest::Error) -> Failure {
        let why = match error {
            error if error.is_timeout() => "no answer in time",
            error if error.is_connect() => "no connection",
            _ => "the connection broke",
        };
        Failure::Unavailable { provider: self.provider, why: why.to_owned(), hint: None }
    }
}

fn verdict(failure: &Failure) -> Verdict {
    match failure {
        Failure::Unavailable { hint, .. } => Verdict::Again(*hint),
        _ => Verdict::Stop,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_of_an_answer_is_kept_but_words() {
        let api = Api::new("stripe", "/error/code");
        let refused =
            |body: &[u8]| api.of_answer(StatusCode::BAD_REQUEST, &HeaderMap::new(), body).to_string();
        let body = br#"{"error":{"message":"Invalid API Key: sk_live_1","code":"resource_missing"}}"#;
        assert_eq!(refused(body), "stripe refused with status 400 Bad Request (resource_missing)");
        assert!(refused(br#"{"error":{"code":"ann@example.com"}}"#).ends_with("(none)"));
        for no_error in [&b""[..], b"<html>", b"[]", br#"{"error":"gone"}"#] {
            assert!(refused(no_error).ends_with("(none)"));
        }
    }

    #[test]
    fn only_a_refusal_is_certainly_not_done() {
        let api = Api::new("stripe", "/error/code");
        let of = |status| api.of_answer(status, &HeaderMap::new(), b"");
        assert!(of(StatusCode::BAD_REQUEST).is_refusal() && of(StatusCode::TOO_MANY_REQUESTS).is_refusal());
        assert!(!of(StatusCode::BAD_GATEWAY).is_refusal() && !api.malformed("x").is_refusal());
        assert!(of(StatusCode::NOT_FOUND).is_not_found());
    }

    /// Counts the attempts, and stops the third.
    #[derive(Default)]
    struct Two(std::sync::atomic::AtomicU32);

    #[async_trait::async_trait]
    impl Pacing for Two {
        async fn keep(&self) -> Result<(), Failure> {
            match self.0.fetch_add(1, std::sync::atomic::Ordering::SeqCst) {
                0 | 1 => Ok(()),
                _ => Err(Failure::RateLimited { provider: "stripe", wait: DEFAULT_WAIT }),
            }
        }
    }

    #[tokio::test]
    async fn every_attempt_keeps_the_pace() {
        let pace = Arc::new(Two::default());
        let api = Api::new("stripe", "/error/code").paced(pace.clone());
        // Nobody listens there.
        let call = || chassis::http::client().get("http://127.0.0.1:9/");
        let failure = api.ask::<Value>(call()).await.unwrap_err();
        assert!(matches!(failure, Failure::Unavailable { .. }), "{failure}");
        assert_eq!(pace.0.load(std::sync::atomic::Ordering::SeqCst), 2, "it was asked twice");
        let failure = api.ask_once::<Value>(call()).await.unwrap_err();
        assert!(matches!(failure, Failure::RateLimited { .. }), "{failure}");
    }
}
