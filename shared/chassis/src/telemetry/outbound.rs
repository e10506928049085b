//! A span and a measurement for every call to a provider.
//!
//! Names are those of OpenTelemetry's conventions for HTTP clients. The invariant: of the address only scheme, host
//! and port are recorded. A path may hold an id or even be a secret, as a webhook's is, and so may a query.

use std::{sync::LazyLock, time::Instant};

use opentelemetry::{KeyValue, global, metrics::Histogram};
use reqwest::{Error, Request, RequestBuilder, Response};
use tracing::{Instrument as _, Span, field::Empty};

use super::inject;

static DURATION: LazyLock<Histogram<f64>> = LazyLock::new(|| {
    let meter = global::meter("chassis");
    let duration = meter.f64_histogram("http.client.request.duration").with_unit("s");
    duration.with_description("Duration of HTTP client requests, up to the head of the answer.").build()
});

/// Sends a request under a span of its own, whose context the provider gets to see. Span and measurement end with
/// the head of the answer: its body may be a stream that lasts.
///
/// # Errors
/// As [`RequestBuilder::send`].
pub async fn send(request: RequestBuilder) -> Result<Response, Error> {
    let (client, request) = request.build_split();
    let mut request = request?;
    let mut call = Call::open(&request);
    call.span.in_scope(|| inject(request.headers_mut()));
    let sent = client.execute(request).instrument(call.span.clone()).await;
    call.outcome = match &sent {
        Ok(response) => Outcome::Answered(i64::from(response.status().as_u16())),
        Err(error) => Outcome::Failed(sort(error)),
    };
    sent
}

/// A call on its way; told when dropped.
struct Call {
    span: Span,
    start: Instant,
    method: String,
    host: String,
    port: Option<i64>,
    outcome: Outcome,
}

/// How a call ended: with a status, or without one.
enum Outcome {
    Answered(i64),
    Failed(&'static str),
}

// === impl Call ===

impl Call {
    fn open(request: &Request) -> Self {
        let url = request.url();
        let method = request.method().as_str();
        let (host, port) = (url.host_str().unwrap_or_default(), url.port_or_known_default().map(i64::from));
        let span = tracing::info_span!(
            "http",
            otel.name = method,
            otel.kind = "client",
            otel.status_code = Empty,
            http.request.method = method,
            http.response.status_code = Empty,
            server.address = host,
            server.port = port,
            url.scheme = url.scheme(),
            error.type = Empty,
        );
        Self {
            span,
            start: Instant::now(),
            method: method.to_owned(),
            host: host.to_owned(),
            port,
            // what a caller that has lost patience leaves behind
            outcome: Outcome::Failed("cancelled"),
        }
    }
}

impl Drop for Call {
    fn drop(&mut self) {
        let mut labels = vec![
            KeyValue::new("http.request.method", std::mem::take(&mut self.method)),
            KeyValue::new("server.address", std::mem::take(&mut self.host)),
        ];
        labels.extend(self.port.map(|port| KeyValue::new("server.port", port)));
        let failure = match &self.outcome {
            Outcome::Answered(status) => {
                self.span.record("http.response.status_code", status);
                labels.push(KeyValue::new("http.response.status_code", *status));
                (*status >= 400).then(|| status.to_string())
            }
            Outcome::Failed(sort) => Some((*sort).to_owned()),
        };
        if let Some(failure) = failure {
            self.span.record("otel.status_code", "ERROR");
            self.span.record("error.type", failure.as_str());
            labels.push(KeyValue::new("error.type", failure));
        }
        DURATION.record(self.start.elapsed().as_secs_f64(), &labels);
    }
}

/// What sort of trouble it is; an error's own text may hold an address.
fn sort(error: &Error) -> &'static str {
    match error {
        _ if error.is_timeout() => "timeout",
        _ if error.is_connect() => "connect",
        _ => "request",
    }
}
