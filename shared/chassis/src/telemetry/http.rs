//! A span, a measurement and a request id for every HTTP request.
//!
//! The invariant: of a request's address only the route's pattern is recorded, never the path itself, its query, a
//! header or a body.

use std::{
    sync::Arc,
    task::{Context, Poll},
    time::Instant,
};

use ::http::{HeaderMap, Method, Request, Response, StatusCode};
use axum::{body::Body, extract::MatchedPath};
use futures_util::future::BoxFuture;
use opentelemetry::{
    KeyValue, global,
    metrics::{Histogram, UpDownCounter},
};
use tower::{Layer, Service};
use tracing::{Span, field::Empty};
use tracing_opentelemetry::OpenTelemetrySpanExt as _;

use super::{Observed, Report, Scope, extract};
use crate::request_id;

/// What stands for a method that is none of the usual, since anybody can invent one.
const OTHER: &str = "_OTHER";
/// In which a front says how it was called.
const PROTO: &str = "x-forwarded-proto";

/// Wraps a router, `Router::layer(http_layer("gateway"))`: opens a span under the caller's trace, makes or takes the
/// request's id, which the answer then shows in `x-request-id`, and logs what failed on our side once.
pub fn http_layer(name: &'static str) -> HttpLayer {
    HttpLayer(Meters::new(name))
}

/// Made by [`http_layer`].
#[derive(Clone, Debug)]
pub struct HttpLayer(Meters);

/// What is measured.
#[derive(Clone, Debug)]
struct Meters {
    duration: Histogram<f64>,
    active: UpDownCounter<i64>,
}

// === impl Meters ===

impl Meters {
    fn new(name: &'static str) -> Self {
        let meter = global::meter(name);
        let duration = meter.f64_histogram("http.server.request.duration").with_unit("s");
        let active = meter.i64_up_down_counter("http.server.active_requests").with_unit("{request}");
        Self {
            duration: duration
                .with_description("Duration of HTTP server requests, streams included.")
                .build(),
            active: active
                .with_description("Number of active HTTP server requests, streams included.")
                .build(),
        }
    }
}

impl<S> Layer<S> for HttpLayer {
    type Service = HttpService<S>;

    fn layer(&self, inner: S) -> HttpService<S> {
        HttpService { inner, meters: self.0.clone() }
    }
}

/// What [`HttpLayer`] makes of a service.
#[derive(Clone, Debug)]
pub struct HttpService<S> {
    inner: S,
    meters: Meters,
}

// === impl HttpService ===

impl<S, B> Service<Request<B>> for HttpService<S>
where
    S: Service<Request<B>, Response = Response<Body>> + Clone + Send + 'static,
    S::Future: Send + 'static,
    B: Send + 'static,
{
    type Response = Response<Body>;
    type Error = S::Error;
    type Future = BoxFuture<'static, Result<Self::Response, Self::Error>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        // the one that was polled ready is the one to call
        let fresh = self.inner.clone();
        let mut ready = std::mem::replace(&mut self.inner, fresh);
        let (scope, mut report) = open(&request, self.meters.clone());
        Box::pin(async move {
            let call = scope.within(|| ready.call(request));
            let response = scope.hold(call).await?;
            report.status = Some(response.status());
            let (mut parts, body) = response.into_parts();
            if !parts.headers.contains_key(request_id::HEADER) {
                request_id::write(&scope.request_id, &mut parts.headers);
            }
            Ok(Response::from_parts(parts, Observed::wrap(body, scope, report)))
        })
    }
}

fn open<B>(request: &Request<B>, meters: Meters) -> (Scope, Outcome) {
    let route = request.extensions().get::<MatchedPath>().map(MatchedPath::as_str);
    let method = known(request.method());
    let scheme = scheme(request.headers());
    let id = request_id::read(request.headers()).unwrap_or_else(request_id::make);
    let verb = if method == OTHER { "HTTP" } else { method };
    let span = tracing::info_span!(
        "http",
        otel.name = route.map_or_else(|| verb.to_owned(), |route| format!("{verb} {route}")),
        otel.kind = "server",
        otel.status_code = Empty,
        http.request.method = method,
        http.route = route,
        http.response.status_code = Empty,
        url.scheme = scheme,
        error.type = Empty,
        request.id = id,
    );
    // fails only where nothing listens to spans
    let _ = span.set_parent(extract(request.headers()));
    let outcome = Outcome {
        span: span.clone(),
        start: Instant::now(),
        method,
        scheme,
        route: route.map(Into::into),
        status: None,
        complete: false,
        meters,
    };
    outcome.meters.active.add(1, &outcome.labels());
    (Scope { span, deadline: None, request_id: id.into() }, outcome)
}

/// How the public called, as far as the front before us says.
fn scheme(headers: &HeaderMap) -> &'static str {
    if headers.get(PROTO).is_some_and(|proto| proto == "https") { "https" } else { "http" }
}

/// The method, if it is one of the usual: its name becomes a label of a metric.
fn known(method: &Method) -> &'static str {
    const USUAL: [&str; 7] = ["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"];
    USUAL.into_iter().find(|usual| *usual == method.as_str()).unwrap_or(OTHER)
}

struct Outcome {
    span: Span,
    start: Instant,
    method: &'static str,
    scheme: &'static str,
    route: Option<Arc<str>>,
    status: Option<StatusCode>,
    complete: bool,
    meters: Meters,
}

// === impl Outcome ===

impl Outcome {
    /// What every measurement of a request is told by.
    fn labels(&self) -> [KeyValue; 2] {
        [KeyValue::new("http.request.method", self.method), KeyValue::new("url.scheme", self.scheme)]
    }
}

impl Report for Outcome {
    fn trailers(&mut self, _: &HeaderMap) {}

    fn end(&mut self) {
        self.complete = true;
    }
}

impl Drop for Outcome {
    fn drop(&mut self) {
        let elapsed = self.start.elapsed();
        // 499 is what proxies write for a caller that left before the answer
        let status = self.status.map_or(499, |status| i64::from(status.as_u16()));
        let failed = self.status.is_none_or(|status| status.is_server_error());
        let mut labels = self.labels().to_vec();
        self.meters.active.add(-1, &labels);
        labels.push(KeyValue::new("http.response.status_code", status));
        labels.extend(self.route.take().map(|route| KeyValue::new("http.route", route)));
        self.span.record("http.response.status_code", status);
        if failed {
            self.span.record("error.type", status.to_string());
            labels.push(KeyValue::new("error.type", status.to_string()));
        }
        self.meters.duration.record(elapsed.as_secs_f64(), &labels);
        let duration_ms = elapsed.as_secs_f64() * 1e3;
        let complete = self.complete;
        self.span.in_scope(|| match status {
            500.. => {
                self.span.record("otel.status_code", "ERROR");
                tracing::error!(duration_ms, "request failed");
            }
            _ => tracing::debug!(duration_ms, complete, "request served"),
        });
    }
}
