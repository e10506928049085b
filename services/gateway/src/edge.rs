//! What wraps every request: its id, its deadline, the net under panics, the headers of every answer, and problem
//! documents where the router itself answers.
//!
//! The invariant: whatever happens inside, the answer carries `x-request-id` and the security headers.

use std::{any::Any, time::Duration};

use axum::{
    Router,
    extract::{Request, State},
    http::{HeaderMap, HeaderName, HeaderValue, header},
    middleware::{Next, from_fn, from_fn_with_state},
    response::{IntoResponse as _, Response},
};
use chassis::{deadline, request_id};
use domain::{Fault, Kind, Reason, id::RequestId};
use jiff::Timestamp;
use tower_http::catch_panic::CatchPanicLayer;

use crate::{chatkit, cors, door::Door, mcp, problem::Problem};

/// Until when an answer has to begin.
pub(crate) const DEADLINE: Duration = Duration::from_secs(10);
/// The same for a chat, whose turns take what they take; Cloud Run's own time-out.
pub(crate) const CHAT_DEADLINE: Duration = Duration::from_secs(900);
/// The same for a tool, which may wait for a provider.
pub(crate) const TOOL_DEADLINE: Duration = Duration::from_secs(60);
/// What the services' own refusals get to arrive before we give up.
const GRACE: Duration = Duration::from_millis(500);
const REQUEST_ID_MAX: usize = 64;

/// Headers that an answer has unless it brings its own.
const SECURITY: [(HeaderName, &str); 2] =
    [(header::X_CONTENT_TYPE_OPTIONS, "nosniff"), (header::REFERRER_POLICY, "no-referrer")];

/// Puts all layers around `routes`.
pub(crate) fn wrap(routes: Router, door: Door) -> Router {
    routes
        .fallback(async || Problem::route_unknown())
        .method_not_allowed_fallback(async || Problem::method_not_allowed())
        .layer(from_fn_with_state(limit_of as LimitOf, bound))
        .layer(CatchPanicLayer::custom(panicked))
        .layer(from_fn_with_state(door, cors::guard))
        .layer(chassis::telemetry::http_layer(crate::NAME))
        .layer(from_fn(identify))
}

/// Gives the request its id and every answer its headers.
async fn identify(mut request: Request, next: Next) -> Response {
    let id =
        inbound_id(request.headers()).unwrap_or_else(|| RequestId::generate(Timestamp::now()).to_string());
    let value = HeaderValue::from_str(&id).expect("an id has letters, digits, _ and - only");
    request.headers_mut().insert(request_id::HEADER, value.clone());
    let mut response = request_id::scope(id, next.run(request)).await;
    let headers = response.headers_mut();
    headers.insert(request_id::HEADER, value);
    for (name, value) in SECURITY {
        headers.entry(name).or_insert(HeaderValue::from_static(value));
    }
    response
}

fn inbound_id(headers: &HeaderMap) -> Option<String> {
    let id = headers.get(request_id::HEADER)?.to_str().ok()?;
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-');
    ((1..=REQUEST_ID_MAX).contains(&id.len()) && id.bytes().all(allowed)).then(|| id.to_owned())
}

/// How long a request to a path may take.
type LimitOf = fn(&str) -> Duration;

fn limit_of(path: &str) -> Duration {
    match path {
        chatkit::PATH => CHAT_DEADLINE,
        _ if path.starts_with(mcp::PREFIX) => TOOL_DEADLINE,
        _ => DEADLINE,
    }
}

/// Tells the calls inward how long they have, and ends what does not keep to it: a body that trickles in, too.
async fn bound(State(limit_of): State<LimitOf>, request: Request, next: Next) -> Response {
    let limit = limit_of(request.uri().path());
    let run = deadline::within(limit, next.run(request));
    tokio::time::timeout(limit + GRACE, run).await.unwrap_or_else(|_| {
        let fault = Fault::new(Kind::Deadline, Reason::DeadlineExceeded, "this took too long");
        Problem::from(fault).into_response()
    })
}

fn panicked(_: Box<dyn Any + Send>) -> Response {
    // The panic hook has printed where; the payload may hold anything.
    tracing::error!("a handler panicked");
    Problem::from(Fault::internal()).into_response()
}

#[cfg(test)]
mod tests {
    use axum::{body::Body, http::StatusCode, routing::get};
    use tower::ServiceExt as _;

    use super::*;

    #[test]
    fn an_id_from_outside_is_taken_if_it_is_harmless() {
        let taken = |id: &str| {
            inbound_id(&HeaderMap::from_iter([(request_id::HEADER.parse().unwrap(), id.parse().unwrap())]))
        };
        assert_eq!(taken("abc-DEF_123").as_deref(), Some("abc-DEF_123"));
        assert_eq!(taken(&"x".repeat(64)), Some("x".repeat(64)));
        for bad in ["", "a b", "a/b", "{}", "é", &"x".repeat(65)] {
            assert_eq!(taken(bad), None, "{bad:?}");
        }
    }

    #[tokio::test]
    async fn what_never_answers_is_ended() {
        let stuck = Router::new().route("/", get(std::future::pending::<()>));
        let router = stuck.layer(from_fn_with_state((|_| Duration::from_millis(1)) as LimitOf, bound));
        let response = router.oneshot(Request::new(Body::empty())).await.unwrap();
        assert_eq!(response.status(), StatusCode::GATEWAY_TIMEOUT);
    }

    #[test]
    fn a_chat_may_take_its_time_and_nothing_else() {
        assert_eq!(limit_of("/chatkit").as_secs(), 900);
        assert_eq!(limit_of("/mcp/lead-concierge").as_secs(), 60);
        for path in ["/", "/chatkit/", "/api/chatkit/session", "/webhooks/ajd/chat-events"] {
            assert_eq!(limit_of(path).as_secs(), 10, "{path}");
        }
    }
}
