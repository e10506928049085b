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
use opentelemetry::{KeyValue, global, metrics::Histogram};
use tower::{Layer, Service};
use tracing::{Span, field::Empty};
use tracing_opentelemetry::OpenTelemetrySpanExt as _;

use super::{Observed, Report, Scope, extract};
use crate::request_id;

/// What stands for a route that there is not.
const UNMATCHED: &str = "unmatched";

/// Wraps a router, `Router::layer(http_layer("gateway"))`: opens a span under the caller's trace, makes or takes the
/// request's id, which the answer then shows in `x-request-id`, and logs what failed on our side once.
pub fn http_layer(name: &'static str) -> HttpLayer {
    let meter = global::meter(name);
    let duration = meter.f64_histogram("http.server.request.duration").with_unit("s").build();
    HttpLayer { duration }
}

/// Made by [`http_layer`].
#[derive(Clone, Debug)]
pub struct HttpLayer {
    duration: Histogram<f64>,
}

impl<S> Layer<S> for HttpLayer {
    type Service = HttpService<S>;

    fn layer(&self, inner: S) -> HttpService<S> {
        HttpService { inner, duration: self.duration.clone() }
    }
}

/// What [`HttpLayer`] makes of a service.
#[derive(Clone, Debug)]
pub struct HttpService<S> {
    inner: S,
    duration: Histogram<f64>,
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
        let (scope, mut report) = open(&request, self.duration.clone());
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

fn open<B>(request: &Request<B>, duration: Histogram<f64>) -> (Scope, Outcome) {
    let route = request.extensions().get::<MatchedPath>().map_or(UNMATCHED, MatchedPath::as_str);
    let method = known(request.method());
    let id = request_id::read(request.headers()).unwrap_or_else(request_id::make);
    let span = tracing::info_span!(
        "http",
        otel.name = format!("{method} {route}"),
        otel.kind = "server",
        otel.status_code = Empty,
        http.request.method = method,
        http.route = route,
        http.response.status_code = Empty,
        request.id = id,
    );
    // fails only where nothing listens to spans
    let _ = span.set_parent(extract(request.headers()));
    let outcome = Outcome {
        span: span.clone(),
        start: Instant::now(),
        method,
        route: route.into(),
        status: None,
        complete: false,
        duration,
    };
    (Scope { span, deadline: None, request_id: id.into() }, outcome)
}

/// The method, if it is one of the usual: its name becomes a label of a metric.
fn known(method: &Method) -> &'static str {
    const USUAL: [&str; 7] = ["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"];
    USUAL.into_iter().find(|usual| *usual == method.as_str()).unwrap_or("_OTHER")
}

struct Outcome {
    span: Span,
    start: Instant,
    method: &'static str,
    route: Arc<str>,
    status: Option<StatusCode>,
    complete: bool,
    duration: Histogram<f64>,
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
        let status = self.status.map_or(499, |status| status.as_u16());
        let labels = [
            KeyValue::new("http.request.method", self.method),
            KeyValue::new("http.route", self.route.clone()),
            KeyValue::new("http.response.status_code", i64::from(status)),
        ];
        self.duration.record(elapsed.as_secs_f64(), &labels);
        self.span.record("http.response.status_code", status);
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
