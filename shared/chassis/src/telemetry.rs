//! What a process tells about itself: logs, traces, metrics.
//!
//! Logs go to stderr in words, on Cloud Run to stdout in Cloud Logging's fields; traces and metrics go out over OTLP
//! where a collector is named. The invariant: trace context is read, logged and carried on even without a collector,
//! and no query, header or body of a request is ever recorded.

mod http;
mod json;
mod otlp;
mod outbound;
mod scope;

use std::{
    io::{self, IsTerminal as _},
    sync::mpsc,
    thread,
    time::Duration,
};

use ::http::{HeaderMap, HeaderName, HeaderValue};
use opentelemetry::{
    Context,
    propagation::{Extractor, Injector, TextMapPropagator as _},
    trace::TracerProvider as _,
};
use opentelemetry_sdk::propagation::TraceContextPropagator;
use tracing::{Level, Metadata, Span, level_filters::LevelFilter};
use tracing_opentelemetry::OpenTelemetrySpanExt as _;
use tracing_subscriber::{
    EnvFilter, Layer, Registry,
    filter::{FilterExt as _, filter_fn},
    fmt,
    layer::SubscriberExt as _,
    util::SubscriberInitExt as _,
};

use crate::Vars;

pub(crate) use self::scope::{Observed, Report, Scope};
pub use self::{
    http::{HttpLayer, HttpService, http_layer},
    json::CloudLog,
    outbound::send,
};

/// What the process may take to send what it still holds.
const FLUSH_LIMIT: Duration = Duration::from_secs(2);
const DEFAULT_FILTER: &str = "info";
/// A crate that writes down whole messages: what people say and who they are.
const TALKATIVE: &str = "rmcp";

/// Holds the telemetry of a process; shut it down at the end.
#[derive(Debug)]
pub struct Guard {
    providers: otlp::Providers,
}

// === impl Guard ===

impl Guard {
    /// Sends what is still held, for two seconds at most. Call it outside of async code, while the runtime lives.
    pub fn shutdown(self) {
        let (done, wait) = mpsc::channel();
        thread::spawn(move || {
            self.providers.shutdown();
            // nobody listens any more if it took too long
            let _ = done.send(());
        });
        if wait.recv_timeout(FLUSH_LIMIT).is_err() {
            tracing::warn!("telemetry was not flushed in time");
        }
    }
}

/// Sets up logs, traces and metrics of the process `name` by `RUST_LOG`, `GOOGLE_CLOUD_PROJECT` and
/// `OTEL_EXPORTER_OTLP_ENDPOINT`; the SDK reads the other `OTEL_*` itself. Call it within the runtime. A second call
/// leaves logs and traces as the first one set them.
pub fn init(name: &'static str, cloud: bool, vars: &Vars) -> Guard {
    let (providers, no_export) = otlp::Providers::new(name, vars.get("OTEL_EXPORTER_OTLP_ENDPOINT"));
    let filter = EnvFilter::try_new(vars.get("RUST_LOG").unwrap_or(DEFAULT_FILTER));
    let bad_filter = filter.is_err();
    let filter = filter.unwrap_or_else(|_| EnvFilter::new(DEFAULT_FILTER)).or(filter_fn(is_plain_span));
    let filter = filter.and(filter_fn(is_discreet));
    let logs = if cloud {
        let project = vars.get("GOOGLE_CLOUD_PROJECT").map(str::to_owned);
        CloudLog::new(io::stdout, project).with_filter(filter).boxed()
    } else {
        let terminal = io::stderr().is_terminal();
        fmt::layer::<Registry>().with_writer(io::stderr).with_ansi(terminal).with_filter(filter).boxed()
    };
    let traces = tracing_opentelemetry::layer().with_tracer(providers.traces.tracer("chassis"));
    let traces = traces.with_location(false).with_threads(false).with_target(false);
    let traces =
        traces.with_tracked_inactivity(false).with_filter(LevelFilter::INFO.and(filter_fn(is_discreet)));
    // fails where a subscriber is set already, which then stays
    let _ = tracing_subscriber::registry().with(logs).with(traces).try_init();
    if bad_filter {
        tracing::warn!("RUST_LOG cannot be read, logging at {DEFAULT_FILTER}");
    }
    if let Some(why) = no_export {
        tracing::warn!(error = why, "traces and metrics are not exported");
    }
    Guard { providers }
}

/// Writes the trace context of the current span into `headers`, as `traceparent` and `tracestate`.
pub fn inject(headers: &mut HeaderMap) {
    TraceContextPropagator::new().inject_context(&Span::current().context(), &mut Carrier(headers));
}

/// The trace context that `headers` carry.
pub fn extract(headers: &HeaderMap) -> Context {
    TraceContextPropagator::new().extract_with_context(&Context::new(), &Reader(headers))
}

/// Spans are kept whatever `RUST_LOG` says: they give every log line its trace.
fn is_plain_span(metadata: &Metadata<'_>) -> bool {
    metadata.is_span() && *metadata.level() <= Level::INFO
}

/// Nothing of [`TALKATIVE`] is kept or sent, whatever `RUST_LOG` says.
fn is_discreet(metadata: &Metadata<'_>) -> bool {
    let of = metadata.target().split("::").next();
    of != Some(TALKATIVE)
}

struct Carrier<'a>(&'a mut HeaderMap);

impl Injector for Carrier<'_> {
    fn set(&mut self, key: &str, value: String) {
        let (Ok(name), Ok(value)) = (key.parse::<HeaderName>(), HeaderValue::from_str(&value)) else {
            return;
        };
        if !value.is_empty() {
            self.0.insert(name, value);
        }
    }
}

struct Reader<'a>(&'a HeaderMap);

impl Extractor for Reader<'_> {
    fn get(&self, key: &str) -> Option<&str> {
        self.0.get(key)?.to_str().ok()
    }

    fn keys(&self) -> Vec<&str> {
        self.0.keys().map(HeaderName::as_str).collect()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use tracing::Subscriber;
    use tracing_subscriber::layer::Context as Scene;

    use super::*;

    /// Notes where each event comes from.
    #[derive(Clone, Default)]
    struct Targets(Arc<Mutex<Vec<String>>>);

    impl<S: Subscriber> Layer<S> for Targets {
        fn on_event(&self, event: &tracing::Event<'_>, _: Scene<'_, S>) {
            self.0.lock().unwrap().push(event.metadata().target().to_owned());
        }
    }

    #[test]
    fn who_writes_down_messages_is_not_heard() {
        let targets = Targets::default();
        let layer = targets.clone().with_filter(filter_fn(is_discreet));
        tracing::subscriber::with_default(tracing_subscriber::registry().with(layer), || {
            tracing::error!(target: "rmcp::service", "a message");
            tracing::error!(target: "rmcp", "a message");
            tracing::error!(target: "rmcpish", "another crate's");
            tracing::info!(target: "gateway::mcp", "ours");
        });
        assert_eq!(*targets.0.lock().unwrap(), ["rmcpish", "gateway::mcp"]);
    }
}
