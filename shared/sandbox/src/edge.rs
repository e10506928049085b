//! The edge of every stand-in: reads the body, meets faults, runs the work, writes the log.
//!
//! The invariant: work that has begun is finished even when the client leaves, as at a real provider.

use std::io;

use axum::{
    body::{Body, Bytes, to_bytes},
    extract::{Request, State},
    http::{HeaderMap, HeaderValue, StatusCode, header},
    middleware::Next,
    response::Response,
};
use serde_json::Value;

use crate::{
    Asked, FaultKind, Provider, Sandbox, calcom, drive, log::Entry, openai, serve::NoAnswer, sheets, slack,
    stripe, whop,
};

/// More than any call may carry: state variables alone may be 10 MiB.
const MOST_BYTES: usize = 16 << 20;

/// A fault that the answer to this request plays by itself, event by event.
#[derive(Clone, Debug)]
pub(crate) struct StreamFault(pub(crate) FaultKind);

/// The middleware around all provider routes.
pub(crate) async fn pass(State(sandbox): State<Sandbox>, request: Request, next: Next) -> Response {
    let provider = provider(request.uri().path());
    let headers = request.headers().clone();
    let header = |name: &str| headers.get(name)?.to_str().ok().map(str::to_owned);
    let path = request.uri().path_and_query().map_or("/", |path| path.as_str()).to_owned();
    let label = format!("{} {path}", request.method());
    let mut asked = Asked {
        provider,
        method: request.method().to_string(),
        path,
        status: None,
        handled: false,
        bearer: bearer(request.headers()).is_some(),
        openai_beta: header("openai-beta"),
        api_version: ["stripe-version", "cal-api-version", "api-version-date"].into_iter().find_map(header),
        idempotency_key: header("idempotency-key"),
        body: Value::Null,
    };
    let fault = sandbox.0.faults.meet(provider, &label);
    // A task of its own, because hyper drops this future when the client goes.
    let work = tokio::spawn(async move {
        if fault == Some(FaultKind::Reset) {
            sandbox.0.log.add(Entry { asked, body: Bytes::new() });
            return no_answer();
        }
        let (mut parts, body) = request.into_parts();
        let Ok(body) = to_bytes(body, MOST_BYTES).await else {
            return refusal(provider, StatusCode::PAYLOAD_TOO_LARGE);
        };
        if let Some(kind) = fault.clone().filter(FaultKind::is_of_stream) {
            parts.extensions.insert(StreamFault(kind));
        }
        let rest = next.run(Request::from_parts(parts, Body::from(body.clone())));
        let failed = fault == Some(FaultKind::Status(500));
        let (handled, response) = meet(provider, fault, rest).await;
        if let (Provider::Stripe, true, Some(key)) = (provider, failed, &asked.idempotency_key) {
            stripe::keep_failure(&sandbox, key, &asked, &body);
        }
        asked.handled = handled;
        asked.status = response.extensions().get::<NoAnswer>().is_none().then(|| response.status().as_u16());
        sandbox.0.log.add(Entry { asked, body });
        response
    });
    work.await.unwrap_or_else(|_| refusal(provider, StatusCode::INTERNAL_SERVER_ERROR))
}

/// Whose path this is.
fn provider(path: &str) -> Provider {
    match path.split('/').nth(1) {
        Some("openai") => Provider::OpenAi,
        Some("calcom") => Provider::CalCom,
        Some("stripe") => Provider::Stripe,
        Some("whop") => Provider::Whop,
        Some("drive") => Provider::Drive,
        Some("slack") => Provider::Slack,
        _ => Provider::Sheets,
    }
}

/// Lets the request meet its fault; says whether the work was done.
async fn meet(
    provider: Provider,
    fault: Option<FaultKind>,
    work: impl Future<Output = Response>,
) -> (bool, Response) {
    match fault {
        None
        | Some(
            FaultKind::SlowStream { .. }
            | FaultKind::CutAfter(_)
            | FaultKind::GarbledAfter(_)
            | FaultKind::FailedAfter(_)
            | FaultKind::Incomplete,
        ) => (true, work.await),
        Some(FaultKind::Latency(time)) => {
            tokio::time::sleep(time).await;
            (true, work.await)
        }
        Some(FaultKind::AppliedNoAnswer) => {
            work.await;
            (true, no_answer())
        }
        Some(FaultKind::Hang(time)) => {
            tokio::time::sleep(time).await;
            (false, no_answer())
        }
        Some(FaultKind::Reset) => (false, no_answer()),
        Some(FaultKind::Status(status)) => (
            false,
            refusal(provider, StatusCode::from_u16(status).unwrap_or(StatusCode::SERVICE_UNAVAILABLE)),
        ),
        Some(FaultKind::RateLimited { retry_after_s }) => {
            let mut response = refusal(provider, StatusCode::TOO_MANY_REQUESTS);
            if let Some(seconds) = retry_after_s {
                response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
            }
            (false, response)
        }
    }
}

/// Tells [`crate::serve()`] to close the connection; any other server breaks the body off instead.
pub(crate) fn no_answer() -> Response {
    let broken = futures_util::stream::once(async {
        Err::<Bytes, _>(io::Error::from(io::ErrorKind::ConnectionReset))
    });
    let mut response = Response::new(Body::from_stream(broken));
    response.extensions_mut().insert(NoAnswer);
    response
}

fn refusal(provider: Provider, status: StatusCode) -> Response {
    match provider {
        Provider::OpenAi => openai::refusal(status),
        Provider::Sheets => sheets::refusal(status),
        Provider::CalCom => calcom::refusal(status),
        Provider::Stripe => stripe::refusal(status),
        Provider::Whop => whop::refusal(status),
        Provider::Drive => drive::refusal(status),
        // Mail comes by another door.
        Provider::Slack | Provider::Smtp => slack::refusal(status),
    }
}

/// The bearer token of a request.
pub(crate) fn bearer(headers: &HeaderMap) -> Option<&str> {
    let value = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, token) = value.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}
