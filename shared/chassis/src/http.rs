//! Calls to providers over HTTP.
//!
//! One client for a process, with the limits every outbound call needs. The invariant: no call outlives the deadline
//! of the request it serves.

use std::time::Duration;

use reqwest::{Client, RequestBuilder, Response, redirect};

use crate::{deadline, telemetry};

const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);
const IDLE_TIMEOUT: Duration = Duration::from_secs(90);
/// No provider's hint makes anybody wait longer.
const LONGEST_WAIT: Duration = Duration::from_secs(3_600);
const USER_AGENT: &str = concat!("frontdesk/", env!("CARGO_PKG_VERSION"));

/// A client with a connection pool that connects within three seconds, follows no redirect, and trusts the web's
/// roots. Give each call a limit with [`RequestExt::outbound`].
///
/// # Panics
/// If the TLS backend cannot be set up, which the fixed crypto provider rules out.
pub fn client() -> Client {
    ensure_crypto();
    Client::builder()
        .connect_timeout(CONNECT_TIMEOUT)
        .pool_idle_timeout(IDLE_TIMEOUT)
        .tcp_nodelay(true)
        .redirect(redirect::Policy::none())
        .user_agent(USER_AGENT)
        .build()
        .expect("the crypto provider is installed")
}

/// What every outbound request gets.
pub trait RequestExt {
    /// Limits the call to `timeout` or what is left of the deadline, and carries the trace on.
    #[must_use]
    fn outbound(self, timeout: Duration) -> Self;
}

impl RequestExt for RequestBuilder {
    fn outbound(self, timeout: Duration) -> Self {
        let mut headers = http::HeaderMap::new();
        telemetry::inject(&mut headers);
        self.timeout(deadline::clamp(timeout)).headers(headers)
    }
}

/// The body of an answer; `None` if it has more than `longest` bytes.
///
/// # Errors
/// What the transport says.
pub async fn read_within(answer: &mut Response, longest: usize) -> Result<Option<Vec<u8>>, reqwest::Error> {
    let mut body = Vec::new();
    while let Some(chunk) = answer.chunk().await? {
        if body.len() + chunk.len() > longest {
            return Ok(None);
        }
        body.extend_from_slice(&chunk);
    }
    Ok(Some(body))
}

/// `Retry-After` in whole seconds, at least one and at most an hour; a date there is taken for no hint.
pub fn retry_after(headers: &http::HeaderMap) -> Option<Duration> {
    let seconds = headers.get(http::header::RETRY_AFTER)?.to_str().ok()?.trim().parse().ok()?;
    Some(Duration::from_secs(seconds).clamp(Duration::from_secs(1), LONGEST_WAIT))
}

/// Makes AWS-LC the process's TLS provider, once. Whoever was there before stays.
pub fn ensure_crypto() {
    if rustls::crypto::CryptoProvider::get_default().is_none() {
        // two threads may get here; the second finds it done
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wait_is_whole_seconds_within_bounds() {
        let wait = |text: &str| {
            let headers =
                http::header::HeaderMap::from_iter([(http::header::RETRY_AFTER, text.parse().unwrap())]);
            retry_after(&headers).map(|wait| wait.as_secs())
        };
        assert_eq!(wait("7"), Some(7));
        assert_eq!(wait("0"), Some(1));
        assert_eq!(wait("999999999"), Some(3_600));
        assert_eq!(wait("Fri, 31 Dec 1999 23:59:59 GMT"), None);
        assert_eq!(wait("-1"), None);
    }
}
