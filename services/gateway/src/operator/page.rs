//! The page on which people answer: `GET /operator`.
//!
//! The invariants: the page itself holds nothing of anybody, for it is shown to whoever asks; what it shows later comes by
//! the operator's token, which the browser keeps for the tab alone; and it loads and asks nothing but this address.

use std::sync::LazyLock;

use axum::{
    extract::State,
    http::{HeaderMap, HeaderName, HeaderValue, header},
    response::{Html, IntoResponse as _, Response},
};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use sha2::{Digest as _, Sha256};

use crate::{door::Door, problem::Problem, script::Script};

const PAGE: &str = include_str!("page/page.html");
const STYLE: &str = include_str!("page/style.css");
/// In the order in which they build on each other.
const PARTS: &[&str] =
    &[include_str!("page/calls.js"), include_str!("page/dom.js"), include_str!("page/desk.js")];
const ROBOTS: HeaderName = HeaderName::from_static("x-robots-tag");

static SCRIPT: LazyLock<Script> =
    LazyLock::new(|| Script::new(format!("(() => {{\n'use strict';\n{}}})();\n", PARTS.concat())));

/// Get the operator's page
///
/// A page for people who answer visitors: it lists the conversations that wait for a person, shows what was said, and takes
/// a reply. With `?thread=thr_…` it opens one, with `?visitor=vis_…` the newest of a visitor. It asks for
/// `OPERATOR_TOKEN` and shows nothing without it.
#[utoipa::path(
    get,
    path = "/operator",
    tag = "operator",
    operation_id = "get_operator_page",
    responses((status = 200, description = "A page for people.", content_type = "text/html", body = String)),
)]
pub(crate) async fn get_operator_page(State(door): State<Door>) -> Result<Response, Problem> {
    door.operator.as_ref().ok_or_else(Problem::route_unknown)?;
    let page = PAGE.replace("/*style*/", STYLE).replace("<!--digest-->", SCRIPT.digest());
    let headers = [
        (header::CONTENT_SECURITY_POLICY, POLICY.clone()),
        (header::REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
        (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
        (ROBOTS, HeaderValue::from_static("noindex, nofollow")),
    ];
    Ok((headers, Html(page)).into_response())
}

/// Get the operator's script
///
/// What makes the operator's page work.
#[utoipa::path(
    get,
    path = "/operator.js",
    tag = "operator",
    operation_id = "get_operator_script",
    params(("If-None-Match" = Option<String>, Header, description = "The `ETag` of an earlier answer.")),
    responses(
        (
            status = 200,
            description = "The script.",
            content_type = "text/javascript",
            body = String,
            headers(
                ("ETag" = String, description = "What the script is known by."),
                ("Cache-Control" = String, description = "How long it may be used without asking."),
            ),
        ),
        (
            status = 304,
            description = "It has not changed.",
            headers(
                ("ETag" = String, description = "What the script is known by."),
                ("Cache-Control" = String, description = "How long it may be used without asking."),
            ),
        ),
    ),
)]
pub(crate) async fn get_operator_script(headers: HeaderMap) -> Response {
    SCRIPT.respond(&headers)
}

/// What the page may load and ask: itself.
static POLICY: LazyLock<HeaderValue> = LazyLock::new(|| {
    let style = STANDARD.encode(Sha256::digest(STYLE));
    let policy = format!(
        "default-src 'none'; script-src 'self'; style-src 'sha256-{style}'; connect-src 'self'; base-uri 'none'; \
         form-action 'none'; frame-ancestors 'none'"
    );
    HeaderValue::try_from(policy).expect("a hash is visible ASCII")
});
