//! The scope of one gRPC call: span, deadline, request id, and a report at its end.
//!
//! The invariants: a call that is past its deadline is answered, a handler that panics costs its own call only, and a
//! failure is logged once, by code and reason, never by message.

use std::{
    panic::AssertUnwindSafe,
    sync::Arc,
    time::{Duration, Instant},
};

use axum::{
    extract::{Request, State},
    middleware::Next,
    response::Response,
};
use futures_util::FutureExt as _;
use http::HeaderMap;
use opentelemetry::{KeyValue, global, metrics::Histogram};
use tokio_util::task::{TaskTracker, task_tracker::TaskTrackerToken};
use tonic::{Code, Status};
use tonic_types::StatusExt as _;
use tracing::{Span, field::Empty};
use tracing_opentelemetry::OpenTelemetrySpanExt as _;

use super::grpc::HEALTH;
use crate::{
    deadline, request_id,
    telemetry::{Observed, Report, Scope, extract},
};

/// What stands for a service or method that there is not: anybody can invent names.
const UNKNOWN: &str = "unknown";

/// What all calls of a server share.
#[derive(Clone)]
pub(super) struct Calls {
    served: Arc<[&'static str]>,
    in_flight: TaskTracker,
    duration: Histogram<f64>,
}

// === impl Calls ===

impl Calls {
    pub(super) fn new(name: &'static str, served: Vec<&'static str>, in_flight: TaskTracker) -> Self {
        let meter = global::meter(name);
        let duration = meter.f64_histogram("rpc.server.call.duration").with_unit("s");
        let duration = duration.with_description("Duration of incoming calls, streams included.").build();
        Self { served: served.into(), in_flight, duration }
    }

    fn open(&self, request: &Request) -> (Scope, Outcome) {
        let (service, method) = self.names(request.uri().path());
        let method: Arc<str> = format!("{service}/{method}").into();
        let headers = request.headers();
        let id = request_id::read(headers).unwrap_or_else(request_id::make);
        let span = tracing::info_span!(
            "grpc",
            otel.name = &*method,
            otel.kind = "server",
            otel.status_code = Empty,
            rpc.system.name = "grpc",
            rpc.method = &*method,
            rpc.response.status_code = Empty,
            error.type = Empty,
            request.id = id,
        );
        // fails only where nothing listens to spans
        let _ = span.set_parent(extract(headers));
        let start = Instant::now();
        let outcome = Outcome {
            span: span.clone(),
            start,
            service,
            method,
            end: None,
            duration: self.duration.clone(),
            _in_flight: self.in_flight.token(),
        };
        let deadline = timeout(headers).and_then(|timeout| start.checked_add(timeout));
        (Scope { span, deadline, request_id: id.into() }, outcome)
    }

    fn names(&self, path: &str) -> (&'static str, Arc<str>) {
        let (service, method) = path.trim_start_matches('/').split_once('/').unwrap_or((path, UNKNOWN));
        match self.served.iter().find(|served| **served == service) {
            Some(served) => (served, method.into()),
            None => (UNKNOWN, UNKNOWN.into()),
        }
    }
}

/// Surrounds every call.
pub(super) async fn observe(State(calls): State<Calls>, request: Request, next: Next) -> Response {
    if calls.names(request.uri().path()).0 == HEALTH {
        return next.run(request).await;
    }
    let (scope, mut outcome) = calls.open(&request);
    let response = scope.hold(answer(scope.deadline, request, next)).await;
    outcome.trailers(response.headers());
    response.map(|body| Observed::wrap(body, scope, outcome))
}

async fn answer(deadline: Option<Instant>, request: Request, next: Next) -> Response {
    let call = AssertUnwindSafe(next.run(request)).catch_unwind();
    let answered = match deadline {
        Some(deadline) => tokio::time::timeout_at(deadline.into(), call).await,
        None => Ok(call.await),
    };
    match answered {
        Ok(Ok(response)) => response,
        // the panic hook has shown it
        Ok(Err(_)) => Status::internal("internal error").into_http(),
        Err(_) => Status::deadline_exceeded("the deadline has passed").into_http(),
    }
}

fn timeout(headers: &HeaderMap) -> Option<Duration> {
    deadline::parse(headers.get("grpc-timeout")?.to_str().ok()?)
}

/// How a call ended; told when dropped.
struct Outcome {
    span: Span,
    start: Instant,
    service: &'static str,
    method: Arc<str>,
    end: Option<(Code, Option<String>)>,
    duration: Histogram<f64>,
    _in_flight: TaskTrackerToken,
}

impl Report for Outcome {
    /// A call that fails at once has its status in the headers, every other one in the trailers.
    fn trailers(&mut self, trailers: &HeaderMap) {
        if let Some(status) = Status::from_header_map(trailers) {
            let reason = status.get_details_error_info().map(|info| info.reason);
            self.end = Some((status.code(), reason));
        }
    }

    fn end(&mut self) {}
}

impl Drop for Outcome {
    fn drop(&mut self) {
        let elapsed = self.start.elapsed();
        let (code, reason) = self.end.take().unwrap_or((Code::Cancelled, None));
        let unknown = || format!("{}/{UNKNOWN}", self.service).into();
        let method = if code == Code::Unimplemented { unknown() } else { self.method.clone() };
        let mut labels = vec![
            KeyValue::new("rpc.system.name", "grpc"),
            KeyValue::new("rpc.method", method),
            KeyValue::new("rpc.response.status_code", name(code)),
        ];
        if is_ours(code) {
            self.span.record("error.type", name(code));
            labels.push(KeyValue::new("error.type", name(code)));
        }
        self.duration.record(elapsed.as_secs_f64(), &labels);
        self.span.record("rpc.response.status_code", name(code));
        self.span.in_scope(|| tell(&self.span, code, reason.as_deref(), elapsed));
    }
}

/// Whether a call that ends so has failed on our side, by the conventions for gRPC servers.
fn is_ours(code: Code) -> bool {
    use Code::{DataLoss, DeadlineExceeded, Internal, Unavailable, Unimplemented, Unknown};
    matches!(code, Unknown | DeadlineExceeded | Unimplemented | Internal | Unavailable | DataLoss)
}

/// A code as gRPC's documentation writes it.
const fn name(code: Code) -> &'static str {
    match code {
        Code::Ok => "OK",
        Code::Cancelled => "CANCELLED",
        Code::Unknown => "UNKNOWN",
        Code::InvalidArgument => "INVALID_ARGUMENT",
        Code::DeadlineExceeded => "DEADLINE_EXCEEDED",
        Code::NotFound => "NOT_FOUND",
        Code::AlreadyExists => "ALREADY_EXISTS",
        Code::PermissionDenied => "PERMISSION_DENIED",
        Code::ResourceExhausted => "RESOURCE_EXHAUSTED",
        Code::FailedPrecondition => "FAILED_PRECONDITION",
        Code::Aborted => "ABORTED",
        Code::OutOfRange => "OUT_OF_RANGE",
        Code::Unimplemented => "UNIMPLEMENTED",
        Code::Internal => "INTERNAL",
        Code::Unavailable => "UNAVAILABLE",
        Code::DataLoss => "DATA_LOSS",
        Code::Unauthenticated => "UNAUTHENTICATED",
    }
}

/// Our own failures are errors, trouble on the way a warning, the caller's faults worth a mention.
fn tell(span: &Span, code: Code, reason: Option<&str>, elapsed: Duration) {
    let duration_ms = elapsed.as_secs_f64() * 1e3;
    match code {
        Code::Ok => tracing::debug!(duration_ms, "call served"),
        Code::Internal | Code::Unknown | Code::DataLoss => {
            span.record("otel.status_code", "ERROR");
            tracing::error!(?code, reason, duration_ms, "call failed");
        }
        Code::Unavailable | Code::DeadlineExceeded | Code::ResourceExhausted => {
            tracing::warn!(?code, reason, duration_ms, "call failed");
        }
        _ => tracing::info!(?code, reason, duration_ms, "call refused"),
    }
}
