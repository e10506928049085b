//! Why the model has not answered, and whether asking again may help.

use std::time::Duration;

use chassis::retry::Verdict;
use reqwest::StatusCode;
use serde_json::Value;

/// Longest word of an error that is kept.
const LONGEST_WORD: usize = 64;

/// A failure of the API.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Failure {
    /// What we asked for is not acceptable, or the key is wrong. Asking again will not help.
    #[error("refused with status {status} (code {code})")]
    Refused {
        /// The status.
        status: u16,
        /// OpenAI's word for it.
        code: String,
    },
    /// Too many calls, or the quota is used up.
    #[error("rate limited (code {code})")]
    RateLimited {
        /// When OpenAI says to come back.
        hint: Option<Duration>,
        /// OpenAI's word for it.
        code: String,
    },
    /// No answer, or 5xx.
    #[error("unavailable: {why}")]
    Unavailable {
        /// In what way.
        why: String,
        /// When OpenAI says to come back.
        hint: Option<Duration>,
    },
    /// Too little came in too much time.
    #[error("nothing came in time")]
    Slow,
    /// The answer ended before its end.
    #[error("the answer was cut off")]
    Cut,
    /// The model itself has failed, as the stream tells.
    #[error("the model has failed (code {0})")]
    Model(String),
    /// An answer that is not what the API describes.
    #[error("answer not understood: {0}")]
    Malformed(&'static str),
}

// === impl Failure ===

impl Failure {
    /// Sorts an answer that is no success.
    pub(crate) async fn of_answer(response: &mut reqwest::Response) -> Self {
        let hint = chassis::http::retry_after(response.headers());
        let status = response.status();
        // the status says enough when the body cannot be read
        let code = code(&super::read(response).await.unwrap_or_default());
        if status == StatusCode::TOO_MANY_REQUESTS {
            return Self::RateLimited { hint, code };
        }
        if status.is_server_error() {
            return Self::Unavailable { why: format!("status {}", status.as_u16()), hint };
        }
        Self::Refused { status: status.as_u16(), code }
    }

    /// Sorts a call that got no whole answer.
    pub(crate) fn of_transport(error: &reqwest::Error) -> Self {
        match error {
            error if error.is_timeout() => Self::Slow,
            error if error.is_connect() => Self::Unavailable { why: "no connection".into(), hint: None },
            error if error.is_body() || error.is_decode() => Self::Cut,
            _ => Self::Unavailable { why: "the connection broke".into(), hint: None },
        }
    }

    /// A failure that the stream tells of.
    pub(crate) fn of_model(code: Option<&str>) -> Self {
        Self::Model(code.and_then(word).unwrap_or_else(|| "none".into()))
    }

    /// Whether asking again may help.
    pub(crate) fn verdict(&self) -> Verdict {
        match self {
            // a quota that is used up does not come back in seconds
            Self::RateLimited { code, .. } if code == "insufficient_quota" => Verdict::Stop,
            Self::RateLimited { hint, .. } | Self::Unavailable { hint, .. } => Verdict::Again(*hint),
            Self::Slow | Self::Cut | Self::Malformed(_) => Verdict::Again(None),
            Self::Model(code) if matches!(code.as_str(), "server_error" | "rate_limit_exceeded") => {
                Verdict::Again(None)
            }
            Self::Model(_) | Self::Refused { .. } => Verdict::Stop,
        }
    }

    /// The one log line of a failure, as loud as somebody must act on it.
    pub(crate) fn report(&self, thread: &str) {
        match self {
            Self::Refused { .. } | Self::Malformed(_) => {
                tracing::error!(thread.id = thread, error = %self, "openai refused the call");
            }
            _ => tracing::warn!(thread.id = thread, error = %self, "openai gave no answer"),
        }
    }
}

/// The code of an OpenAI error; whatever else stands in `body` is left there.
fn code(body: &[u8]) -> String {
    let body: Value = serde_json::from_slice(body).unwrap_or_default();
    let read = |name: &str| body.get("error")?.get(name)?.as_str().and_then(word);
    read("code").or_else(|| read("type")).unwrap_or_else(|| "none".into())
}

/// Text of a shape that keys do not have: they contain `-`.
fn word(text: &str) -> Option<String> {
    let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'.');
    (!text.is_empty() && text.len() <= LONGEST_WORD && text.bytes().all(plain)).then(|| text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_of_an_answer_is_kept_but_words() {
        let body = br#"{"error":{"message":"wrong key sk-proj-1","type":"invalid_request_error","code":"invalid_api_key"}}"#;
        assert_eq!(code(body), "invalid_api_key");
        for body in [&b""[..], b"<html>", b"[]", br#"{"error":{"code":"sk-proj-1","type":7}}"#] {
            assert_eq!(code(body), "none");
        }
    }

    #[test]
    fn a_quota_that_is_used_up_stays_so() {
        let limited = |code: &str| Failure::RateLimited { hint: None, code: code.into() }.verdict();
        assert_eq!(limited("insufficient_quota"), Verdict::Stop);
        assert_eq!(limited("rate_limit_exceeded"), Verdict::Again(None));
    }
}
