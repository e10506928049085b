//! Where the public reaches this gateway.
//!
//! The invariant: it is told to whoever asked and never kept, so a caller that lies about its own address fools
//! nobody but itself.

use std::convert::Infallible;

use axum::{extract::FromRequestParts, http::request::Parts};
use url::Url;

use crate::{door::Door, host};

const PROTO: &str = "x-forwarded-proto";

/// Scheme and host, without a slash at the end; empty if nobody knows them.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Base(String);

// === impl Base ===

impl Base {
    /// The address of a path; the path itself if nobody knows more.
    pub(crate) fn url(&self, path: &str) -> String {
        format!("{}{path}", self.0)
    }

    /// As configured, else as the request was sent.
    fn of(public: Option<&Url>, parts: &Parts) -> Self {
        if let Some(public) = public {
            return Self(public.as_str().trim_end_matches('/').to_owned());
        }
        let scheme =
            if parts.headers.get(PROTO).is_some_and(|told| told == "https") { "https" } else { "http" };
        Self(host::of(parts).map(|authority| format!("{scheme}://{authority}")).unwrap_or_default())
    }
}

impl FromRequestParts<Door> for Base {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, door: &Door) -> Result<Self, Infallible> {
        Ok(Self::of(door.public.as_ref(), parts))
    }
}

#[cfg(test)]
mod tests {
    use axum::http::Request;

    use super::*;

    fn url(public: Option<&str>, headers: &[(&str, &str)]) -> String {
        let mut request = Request::builder().uri("/api/chatkit/session");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let public = public.map(|url| url.parse().unwrap());
        Base::of(public.as_ref(), &request.body(()).unwrap().into_parts().0).url("/chatkit")
    }

    #[test]
    fn what_is_configured_wins() {
        let host = [("host", "10.0.0.1:8080")];
        assert_eq!(url(Some("https://chat.example.com/"), &host), "https://chat.example.com/chatkit");
        assert_eq!(url(Some("https://example.com/desk/"), &host), "https://example.com/desk/chatkit");
    }

    #[test]
    fn else_it_is_what_the_request_was_sent_to() {
        assert_eq!(url(None, &[("host", "localhost:8080")]), "http://localhost:8080/chatkit");
        let behind = [("host", "chat.example.com"), (PROTO, "https")];
        assert_eq!(url(None, &behind), "https://chat.example.com/chatkit");
        for unknown in [&[][..], &[("host", "a b")], &[("host", "<script>")]] {
            assert_eq!(url(None, unknown), "/chatkit");
        }
    }
}
