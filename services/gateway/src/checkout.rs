//! Where a link to pay leads back to: `GET /checkout/{token}`.
//!
//! It is a window of its own, whatever the chat sat in: it needs no cookie, no storage, no script, no other file, and
//! no visitor; whoever holds the token sees it. The invariant: it shows what booking-payments has stored, never what the
//! address says, and nothing of it is kept or told to other pages.

mod page;
mod times;
mod words;

use axum::{
    extract::{Path, RawQuery, State, rejection::PathRejection},
    http::{HeaderName, HeaderValue, StatusCode, header},
    response::{Html, IntoResponse as _, Response},
};
use domain::{Fault, Kind};
use proto::booking::v1::GetReturnPageRequest;

use crate::{caller::Client, door::Door, error, site};
use page::Page;

const SERVICE: &str = "booking-payments";
const ROBOTS: HeaderName = HeaderName::from_static("x-robots-tag");

/// Get the page of a link to pay
///
/// How the link stands, and the meeting that is paid for with it. While that is about to change, the page comes back by
/// itself.
#[utoipa::path(
    get,
    path = "/checkout/{token}",
    tag = "payments",
    operation_id = "get_checkout",
    params(
        ("token" = String, Path, description = "The signed token that the link returns with."),
        ("look" = Option<String>, Query, description = "Counts how often the page came back by itself."),
    ),
    responses(
        (status = 200, description = "A page for people.", content_type = "text/html", body = String),
        (status = 404, description = "There is no such link, as a page.", content_type = "text/html", body = String),
        (status = 500, description = "Our fault, as a page.", content_type = "text/html", body = String),
        (status = 503, description = "Reload it later, as a page.", content_type = "text/html", body = String),
    ),
)]
pub(crate) async fn get_checkout(
    State(door): State<Door>,
    client: Client,
    RawQuery(query): RawQuery,
    path: Result<Path<String>, PathRejection>,
) -> Response {
    let Ok(Path(token)) = path else { return answer(StatusCode::NOT_FOUND, &Page::unknown()) };
    let request = GetReturnPageRequest { caller: Some(client.caller(None)), token };
    let found = error::ask!(SERVICE, door.payments(), get_return_page(request)).await;
    match found.map(|found| Page::of(&found, looks(query.as_deref()))) {
        Ok(Some(page)) => answer(StatusCode::OK, &page),
        Ok(None) => refuse(&error::nothing(SERVICE)),
        Err(fault) => refuse(&fault),
    }
}

/// How often the page came back by itself, as it says.
fn looks(query: Option<&str>) -> u16 {
    let counted = query.and_then(|query| query.strip_prefix("look="));
    counted.and_then(|count| count.parse().ok()).unwrap_or_default()
}

/// A token that is not ours, has ended, or is somebody's guess is all the same to whoever looks.
fn refuse(fault: &Fault) -> Response {
    match fault.kind {
        Kind::Invalid | Kind::Unauthenticated | Kind::Forbidden | Kind::NotFound => {
            answer(StatusCode::NOT_FOUND, &Page::unknown())
        }
        Kind::RateLimited | Kind::Deadline | Kind::Unavailable | Kind::Conflict => {
            answer(StatusCode::SERVICE_UNAVAILABLE, &Page::away())
        }
        Kind::AlreadyExists | Kind::Precondition | Kind::Internal => {
            let id = chassis::request_id::current().unwrap_or_default();
            answer(StatusCode::INTERNAL_SERVER_ERROR, &Page::broken(&id))
        }
    }
}

fn answer(status: StatusCode, page: &Page) -> Response {
    let headers = [
        (header::CONTENT_SECURITY_POLICY, policy()),
        (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
        (header::REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
        (ROBOTS, HeaderValue::from_static("noindex, nofollow")),
    ];
    (status, headers, Html(page.html())).into_response()
}

/// Nothing is loaded, nothing runs, and the one style sheet is named by its hash.
fn policy() -> HeaderValue {
    let style = site::STYLE_HASH.as_str();
    let policy = format!(
        "default-src 'none'; style-src 'sha256-{style}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    );
    HeaderValue::try_from(policy).expect("a hash is visible ASCII")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_count_is_read_and_anything_else_is_none() {
        assert_eq!(looks(Some("look=7")), 7);
        for other in [None, Some(""), Some("look="), Some("look=-1"), Some("look=99999"), Some("x=1&look=2")]
        {
            assert_eq!(looks(other), 0, "{other:?}");
        }
    }
}
