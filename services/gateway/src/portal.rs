//! What a member sees and asks for inside Whop: the page `GET /portal`, and `/api/portal/` behind it.
//!
//! The invariant: whom it is about follows from [`Member`] alone, so without proof nothing is shown and nothing is told,
//! and nothing of it is kept by anything in between.

mod actions;
mod desk;
mod memberships;
mod page;
mod wire;
mod words;

use std::sync::LazyLock;

use axum::{
    extract::{Path, State, rejection::PathRejection},
    http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header},
    response::{Html, IntoResponse as _, Response},
};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use domain::{Fault, Kind};
use sha2::{Digest as _, Sha256};
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{
    caller::Client,
    cors,
    door::Door,
    member,
    script::{Known, Script, Served},
};
use desk::Desk;
use page::Page;

/// Longest body: a ticket.
const BODY_MAX: usize = 16 << 10;
const STYLE: &str = include_str!("portal/style.css");
const ROBOTS: HeaderName = HeaderName::from_static("x-robots-tag");
/// Who may show the page in a frame.
const WHOP: &str = "https://whop.com https://*.whop.com";
/// And who else may, where it is not the cloud.
const LOOPBACK: &str = "http://localhost:* http://*.localhost:* http://127.0.0.1:*";

/// Its hash, for the content security policy.
static STYLE_HASH: LazyLock<String> = LazyLock::new(|| STANDARD.encode(Sha256::digest(STYLE)));
static SCRIPT: LazyLock<Script> =
    LazyLock::new(|| Script::new(format!("(() => {{\n{}}})();\n", include_str!("portal/script.js"))));

/// All of them, described.
pub(crate) fn routes() -> OpenApiRouter<Door> {
    OpenApiRouter::new()
        .routes(routes!(get_portal))
        .routes(routes!(get_portal_script))
        .routes(routes!(actions::list_quick_actions))
        .routes(routes!(actions::run_quick_action))
        .routes(routes!(memberships::get_membership))
        .routes(routes!(memberships::cancel_membership))
}

/// Get the portal
///
/// The page that Whop shows in its frame: what the member has, what they may ask for, and the chat. Opened anywhere else
/// it says so in words and shows nothing.
#[utoipa::path(
    get,
    path = "/portal",
    tag = "portal",
    operation_id = "get_portal",
    security(("whop_user_token" = [])),
    responses(
        (status = 200, description = "A page for people.", content_type = "text/html", body = String),
        (status = 401, description = "It was not opened in Whop, as a page.", content_type = "text/html", body = String),
        (status = 500, description = "Our fault, as a page.", content_type = "text/html", body = String),
        (status = 503, description = "Reload it later, as a page.", content_type = "text/html", body = String),
    ),
)]
pub(crate) async fn get_portal(State(door): State<Door>, client: Client, headers: HeaderMap) -> Response {
    let (status, page) = match find(&door, &client, &headers).await {
        Ok(Some(page)) => (StatusCode::OK, page),
        Ok(None) => (StatusCode::UNAUTHORIZED, Page::outside()),
        Err(fault) => refuse(&fault),
    };
    let mut response = (status, Html(page.html(SCRIPT.digest()))).into_response();
    let headers = response.headers_mut();
    headers.extend([
        (header::CONTENT_SECURITY_POLICY, policy(&door)),
        (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
        (ROBOTS, HeaderValue::from_static("noindex, nofollow")),
    ]);
    if status == StatusCode::UNAUTHORIZED {
        headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
    }
    response
}

/// Get the portal's script
///
/// What makes the buttons of the page work.
#[utoipa::path(
    get,
    path = "/portal.js",
    tag = "portal",
    operation_id = "get_portal_script",
    params(Known),
    responses(Served)
)]
pub(crate) async fn get_portal_script(headers: HeaderMap) -> Response {
    SCRIPT.respond(&headers)
}

/// The member's page; `None` if no token stands beside the request, or if a script of another page asks, which could read
/// what it gets. A frame may be opened from anywhere: a browser sends no `Origin` then.
async fn find(door: &Door, client: &Client, headers: &HeaderMap) -> Result<Option<Page>, Fault> {
    let Some(token) = member::token(headers)? else { return Ok(None) };
    let is_own = headers.get(cors::FETCH_SITE).is_some_and(|site| site == cors::SAME_ORIGIN);
    if headers.contains_key(header::ORIGIN) && !is_own {
        return Ok(None);
    }
    let member = member::identify(door, client, token).await?;
    let desk = Desk::new(door, &member, client);
    let (memberships, actions) = tokio::join!(desk.memberships(), desk.actions());
    Ok(Some(Page::of(memberships.ok().as_ref(), actions.ok().as_ref())))
}

fn refuse(fault: &Fault) -> (StatusCode, Page) {
    match fault.kind {
        Kind::Invalid | Kind::Unauthenticated | Kind::Forbidden | Kind::NotFound | Kind::Precondition => {
            (StatusCode::UNAUTHORIZED, Page::outside())
        }
        Kind::RateLimited | Kind::Deadline | Kind::Unavailable | Kind::Conflict => {
            (StatusCode::SERVICE_UNAVAILABLE, Page::away())
        }
        Kind::AlreadyExists | Kind::Internal => {
            let id = chassis::request_id::current().unwrap_or_default();
            (StatusCode::INTERNAL_SERVER_ERROR, Page::broken(&id))
        }
    }
}

/// The page loads and asks nothing but itself; the chat in it is our own.
fn policy(door: &Door) -> HeaderValue {
    let frames = if door.local { format!("{WHOP} {LOOPBACK}") } else { WHOP.to_owned() };
    let style = STYLE_HASH.as_str();
    let policy = format!(
        "default-src 'self'; style-src 'self' 'sha256-{style}'; object-src 'none'; base-uri 'none'; form-action 'none'; \
         frame-ancestors {frames}"
    );
    HeaderValue::try_from(policy).expect("origins and hashes are visible ASCII")
}

/// A segment of the path; what is no text is the id of nothing.
fn id_of(path: Result<Path<String>, PathRejection>) -> String {
    path.map(|Path(id)| id).unwrap_or_default()
}
