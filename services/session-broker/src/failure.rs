//! How OpenAI fails, sorted by who can do something about it.
//!
//! The invariant: a failure holds no text that OpenAI wrote for people, which may quote the key. What it keeps of an
//! answer is the words that programs compare: `error.type`, `error.code`, `error.param`.

use std::{fmt, time::Duration};

use reqwest::{StatusCode, header};
use serde_json::Value;

/// The wait when a 429 names none.
const DEFAULT_WAIT: Duration = Duration::from_secs(5);
const LONGEST_WORD: usize = 64;

/// A call to OpenAI that did not do what was asked.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    /// It will refuse the same call again: a wrong key, an unknown workflow. For the operator.
    #[error("refused with status {status} ({detail})")]
    Refused {
        /// The HTTP status.
        status: StatusCode,
        /// What OpenAI calls it.
        detail: Detail,
    },
    /// Its own limit. For the caller, who may come back.
    #[error("rate limited for {wait:?} ({detail})")]
    RateLimited {
        /// How long to stay away.
        wait: Duration,
        /// What OpenAI calls it.
        detail: Detail,
    },
    /// No answer, or 5xx. The same call may succeed.
    #[error("unavailable: {why}")]
    Unavailable {
        /// In what way.
        why: String,
        /// When OpenAI says to come back.
        hint: Option<Duration>,
    },
    /// An answer that is not what the API describes.
    #[error("answer not understood: {0}")]
    Malformed(&'static str),
}

/// The words of an OpenAI error that programs compare.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Detail {
    kind: Option<String>,
    code: Option<String>,
    param: Option<String>,
}

// === impl Detail ===

impl Detail {
    /// Reads an `ErrorResponse`; whatever else stands in `body` is left there.
    pub(crate) fn read(body: &[u8]) -> Self {
        let body: Value = serde_json::from_slice(body).unwrap_or_default();
        let read = |name: &str| body.get("error")?.get(name)?.as_str().and_then(word);
        Self { kind: read("type"), code: read("code"), param: read("param") }
    }
}

/// Text of a shape that keys do not have: they contain `-`.
fn word(text: &str) -> Option<String> {
    let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'.');
    (!text.is_empty() && text.len() <= LONGEST_WORD && text.bytes().all(plain)).then(|| text.to_owned())
}

impl fmt::Display for Detail {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [kind, code, param] =
            [&self.kind, &self.code, &self.param].map(|word| word.as_deref().unwrap_or("none"));
        write!(f, "type {kind}, code {code}, param {param}")
    }
}

// === impl Failure ===

impl Failure {
    /// Sorts an answer that is no success.
    pub(crate) fn of_answer(status: StatusCode, headers: &header::HeaderMap, body: &[u8]) -> Self {
        let hint = chassis::http::retry_after(headers);
        if status == StatusCode::TOO_MANY_REQUESTS {
            return Self::RateLimited { wait: hint.unwrap_or(DEFAULT_WAIT), detail: Detail::read(body) };
        }
        if status.is_server_error() {
            return Self::Unavailable { why: format!("status {}", status.as_u16()), hint };
        }
        Self::Refused { status, detail: Detail::read(body) }
    }

    /// Sorts a call that got no whole answer.
    pub(crate) fn of_transport(error: &reqwest::Error) -> Self {
        let why = match error {
            error if error.is_timeout() => "no answer in time",
            error if error.is_connect() => "no connection",
            _ => "the connection broke",
        };
        Self::Unavailable { why: why.to_owned(), hint: None }
    }

    /// What to wait for, in words for the operator.
    pub(crate) fn waiting_for(&self) -> String {
        match self {
            Self::RateLimited { wait, .. } => {
                format!("openai, which takes no calls for {} s", wait.as_secs())
            }
            Self::Unavailable { .. } => "openai, which does not answer".to_owned(),
            Self::Refused { status, .. } => {
                format!("openai, which refuses the call with status {}: {}", status.as_u16(), hint(*status))
            }
            Self::Malformed(_) => "openai, whose answer makes no sense".to_owned(),
        }
    }

    /// How long OpenAI wants no call, if it says so.
    pub(crate) fn wait(&self) -> Option<Duration> {
        match self {
            Self::RateLimited { wait, .. } => Some(*wait),
            Self::Unavailable { hint, .. } => *hint,
            Self::Refused { .. } | Self::Malformed(_) => None,
        }
    }

    /// The one log line of a failure, as loud as somebody must act on it.
    pub(crate) fn report(&self, workflow: &str) {
        match self {
            Self::Refused { status, .. } => tracing::error!(
                workflow.slug = workflow,
                http.status = status.as_u16(),
                error = %self,
                hint = hint(*status),
                "openai refused the call"
            ),
            Self::Malformed(_) => {
                tracing::error!(workflow.slug = workflow, error = %self, "openai's answer makes no sense");
            }
            Self::RateLimited { .. } | Self::Unavailable { .. } => {
                tracing::warn!(workflow.slug = workflow, error = %self, "openai took no call");
            }
        }
    }
}

fn hint(status: StatusCode) -> &'static str {
    match status.as_u16() {
        300..=399 => "check OPENAI_BASE_URL",
        401 => "check OPENAI_API_KEY",
        403 => "the project of OPENAI_API_KEY may not do this",
        404 => "workflow not found: the key must be of the same project",
        _ => "check the workflow's version; openai's API may have changed",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_of_an_answer_is_kept_but_words() {
        let body =
            br#"{"error":{"message":"Incorrect API key provided: sk-proj-1","type":"invalid_request_error",
            "param":"sk-proj-1","code":"invalid_api_key"}}"#;
        let failure = Failure::of_answer(StatusCode::UNAUTHORIZED, &header::HeaderMap::new(), body);
        assert_eq!(
            failure.to_string(),
            "refused with status 401 Unauthorized (type invalid_request_error, code invalid_api_key, param none)"
        );
        assert!(!format!("{failure:?}").contains("sk-proj-1"));
    }

    #[test]
    fn what_is_no_error_response_has_no_detail() {
        for body in [&b""[..], b"<html>", b"[]", br#"{"error":"gone"}"#, br#"{"error":{"type":7}}"#] {
            assert_eq!(Detail::read(body), Detail::default());
        }
    }
}
