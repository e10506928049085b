//! A script as it is served: one file that browsers keep for a while and ask about by its tag.
//!
//! The invariant: two scripts with one tag are the same, byte for byte.

use axum::{
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse as _, Response},
};
use domain::id::hex;
use sha2::{Digest as _, Sha256};
use utoipa::{IntoParams, IntoResponses};

/// How long a browser uses the script without asking.
const CACHE: &str = "public, max-age=300";

/// A script and what it is known by.
pub(crate) struct Script {
    text: String,
    tag: HeaderValue,
    digest: String,
}

/// How the header is described by which a browser says what it has.
#[derive(IntoParams)]
#[into_params(parameter_in = Header)]
#[expect(dead_code, reason = "describes the header, which is read by `is_known`")]
pub(crate) struct Known {
    /// The `ETag` of an earlier answer.
    #[param(rename = "If-None-Match")]
    if_none_match: Option<String>,
}

/// How the answers are described.
#[derive(IntoResponses)]
#[expect(dead_code, reason = "describes the answers, which `Script::respond` makes")]
pub(crate) enum Served {
    /// The script.
    #[response(
        status = 200,
        content_type = "text/javascript",
        headers(
            ("ETag" = String, description = "What the script is known by."),
            ("Cache-Control" = String, description = "How long it may be used without asking."),
        ),
    )]
    Whole(String),
    /// It has not changed.
    #[response(
        status = 304,
        headers(
            ("ETag" = String, description = "What the script is known by."),
            ("Cache-Control" = String, description = "How long it may be used without asking."),
        ),
    )]
    Unchanged,
}

// === impl Script ===

impl Script {
    pub(crate) fn new(text: String) -> Self {
        let digest = hex(&Sha256::digest(&text)[..16]);
        let tag = HeaderValue::try_from(format!("\"{digest}\"")).expect("hex in quotes is a header");
        Self { text, tag, digest }
    }

    /// Tells it from every other version of itself.
    pub(crate) fn digest(&self) -> &str {
        &self.digest
    }

    /// The script, or that the browser has it.
    pub(crate) fn respond(&'static self, headers: &HeaderMap) -> Response {
        let kept =
            [(header::ETAG, self.tag.clone()), (header::CACHE_CONTROL, HeaderValue::from_static(CACHE))];
        if is_known(headers, self.tag.to_str().unwrap_or_default()) {
            return (StatusCode::NOT_MODIFIED, kept).into_response();
        }
        let kind = [(header::CONTENT_TYPE, "text/javascript; charset=utf-8")];
        (kept, kind, self.text.as_str()).into_response()
    }
}

/// Whether the browser has this very script.
fn is_known(headers: &HeaderMap, tag: &str) -> bool {
    let shown = headers.get_all(header::IF_NONE_MATCH).iter().filter_map(|value| value.to_str().ok());
    let mut shown = shown.flat_map(|line| line.split(',')).map(str::trim);
    shown.any(|one| one == "*" || one.strip_prefix("W/").unwrap_or(one) == tag)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_browser_that_has_the_script_is_told_so() {
        let script = Script::new("'use strict';".into());
        let tag = script.tag.to_str().unwrap();
        let known = |shown: &str| {
            is_known(&HeaderMap::from_iter([(header::IF_NONE_MATCH, shown.parse().unwrap())]), tag)
        };
        assert!(known(tag) && known(&format!("W/{tag}")) && known(&format!("\"x\", {tag}")) && known("*"));
        assert!(!known("\"x\"") && !known(script.digest()));
        assert!(!is_known(&HeaderMap::new(), tag));
        assert_ne!(Script::new("'use strict'; ".into()).tag, script.tag);
    }
}
