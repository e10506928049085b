//! The page for people: `GET /docs`, which is the OpenAPI document made readable.
//!
//! The invariant: the page needs nothing but itself, no script and no other file, and its content security policy
//! says so.

mod html;
mod render;

use std::sync::Arc;

use axum::{
    Extension,
    http::header,
    response::{Html, IntoResponse as _, Response},
};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use sha2::{Digest as _, Sha256};

use crate::openapi::Published;
pub(crate) use html::escape;
pub(crate) use render::page;

const STYLE: &str = include_str!("docs/style.css");

/// Get the documentation
///
/// This page.
#[utoipa::path(
    get,
    path = "/docs",
    tag = "operation",
    operation_id = "get_docs",
    responses((status = 200, description = "A page for people.", content_type = "text/html", body = String)),
)]
pub(crate) async fn get_docs(Extension(published): Extension<Arc<Published>>) -> Response {
    answer(published.docs().to_owned())
}

fn answer(page: String) -> Response {
    ([(header::CONTENT_SECURITY_POLICY, policy())], Html(page)).into_response()
}

/// Nothing is loaded, nothing runs, and the one style sheet is named by its hash.
fn policy() -> String {
    let style = STANDARD.encode(Sha256::digest(STYLE));
    format!(
        "default-src 'none'; style-src 'sha256-{style}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )
}
