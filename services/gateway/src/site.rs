//! Two pages that carry the widget as any site would: `GET /` and `GET /services`.
//!
//! The invariant: a page loads nothing but the widget and what its content security policy names, and no script
//! stands in it.

use std::sync::LazyLock;

use axum::{
    extract::State,
    http::{HeaderValue, header},
    response::{Html, IntoResponse as _, Response},
};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use sha2::{Digest as _, Sha256};

use crate::door::Door;

/// The style of every page for visitors.
pub(crate) const STYLE: &str = include_str!("site/style.css");
const HOME: &str = include_str!("site/home.html");
const SERVICES: &str = include_str!("site/services.html");
/// Where OpenAI's chat element comes from.
const CDN: &str = "https://cdn.platform.openai.com";

/// Its hash, for a content security policy.
pub(crate) static STYLE_HASH: LazyLock<String> = LazyLock::new(|| STANDARD.encode(Sha256::digest(STYLE)));

/// Get the front page
///
/// A demo of a site's front page with the widget on it.
#[utoipa::path(
    get,
    path = "/",
    tag = "operation",
    operation_id = "get_home",
    responses((status = 200, description = "A page for people.", content_type = "text/html", body = String)),
)]
pub(crate) async fn get_home(State(door): State<Door>) -> Response {
    answer(&door, HOME)
}

/// Get the page of services
///
/// A demo of another page of the same site.
#[utoipa::path(
    get,
    path = "/services",
    tag = "operation",
    operation_id = "get_services",
    responses((status = 200, description = "A page for people.", content_type = "text/html", body = String)),
)]
pub(crate) async fn get_services(State(door): State<Door>) -> Response {
    answer(&door, SERVICES)
}

fn answer(door: &Door, page: &str) -> Response {
    let headers = [
        (header::CONTENT_SECURITY_POLICY, policy(door)),
        // OpenAI's frame may ask which site it is on.
        (header::REFERRER_POLICY, HeaderValue::from_static("strict-origin-when-cross-origin")),
    ];
    (headers, Html(page.replace("/*style*/", STYLE))).into_response()
}

/// What a page may load: itself, OpenAI's element, and our public address where the chat is held.
fn policy(door: &Door) -> HeaderValue {
    let public = door.public.as_ref().map(|url| url.origin().ascii_serialization()).unwrap_or_default();
    let style = STYLE_HASH.as_str();
    let policy = format!(
        "default-src 'self'; script-src 'self' {CDN}; frame-src {CDN}; style-src 'self' 'sha256-{style}'; \
         connect-src 'self' {public}; object-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    );
    HeaderValue::try_from(policy).expect("origins and hashes are visible ASCII")
}
