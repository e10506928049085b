//! Log lines in the fields that Cloud Logging reads.
//!
//! Field names are those of Google's "structured logging" documentation. The invariants: one event is one line of
//! JSON, and it carries the trace and the fields of the spans it happened in.

use std::{error::Error, fmt, io::Write as _, sync::OnceLock};

use jiff::Timestamp;
use opentelemetry::trace::TraceContextExt as _;
use serde_json::{Map, Value, json};
use tracing::{
    Dispatch, Event, Level, Subscriber,
    dispatcher::WeakDispatch,
    field::{Field, Visit},
    span::{Attributes, Id, Record},
};
use tracing_opentelemetry::get_otel_context;
use tracing_subscriber::{
    Layer,
    fmt::MakeWriter,
    layer::Context,
    registry::{LookupSpan, SpanRef},
};

/// A layer that writes events as Cloud Logging reads them.
#[derive(Debug)]
pub struct CloudLog<W> {
    writer: W,
    project: Option<String>,
    dispatch: OnceLock<WeakDispatch>,
}

// === impl CloudLog ===

impl<W> CloudLog<W> {
    /// Writes to `writer`; traces are named within the Google Cloud `project`, if it is known.
    pub fn new(writer: W, project: Option<String>) -> Self {
        Self { writer, project, dispatch: OnceLock::new() }
    }

    fn add_trace<'a, S>(&self, span: &SpanRef<'a, S>, line: &mut Map<String, Value>)
    where
        S: LookupSpan<'a>,
    {
        let Some(dispatch) = self.dispatch.get().and_then(WeakDispatch::upgrade) else { return };
        let Some(context) = get_otel_context(&span.id(), &dispatch) else { return };
        let span = context.span();
        let ids = span.span_context();
        if !ids.is_valid() {
            return;
        }
        let trace = match &self.project {
            Some(project) => format!("projects/{project}/traces/{}", ids.trace_id()),
            None => ids.trace_id().to_string(),
        };
        line.insert("logging.googleapis.com/trace".into(), trace.into());
        line.insert("logging.googleapis.com/spanId".into(), ids.span_id().to_string().into());
        line.insert("logging.googleapis.com/trace_sampled".into(), ids.is_sampled().into());
    }
}

impl<S, W> Layer<S> for CloudLog<W>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    W: for<'a> MakeWriter<'a> + 'static,
{
    fn on_register_dispatch(&self, dispatch: &Dispatch) {
        // a layer belongs to one dispatcher, which registers it once
        let _ = self.dispatch.set(dispatch.downgrade());
    }

    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        let Some(span) = context.span(id) else { return };
        let mut fields = Fields::default();
        attributes.record(&mut fields);
        span.extensions_mut().insert(fields);
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, context: Context<'_, S>) {
        let Some(span) = context.span(id) else { return };
        if let Some(fields) = span.extensions_mut().get_mut::<Fields>() {
            values.record(fields);
        }
    }

    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        let mut line = Map::new();
        let spans = context.event_scope(event).into_iter().flat_map(|scope| scope.from_root());
        for span in spans {
            if let Some(fields) = span.extensions().get::<Fields>() {
                line.extend(fields.0.clone());
            }
        }
        let mut fields = Fields::default();
        event.record(&mut fields);
        line.extend(fields.0);
        let metadata = event.metadata();
        line.insert("severity".into(), severity(*metadata.level()).into());
        line.insert("time".into(), Timestamp::now().to_string().into());
        line.insert("target".into(), metadata.target().into());
        line.insert(
            "logging.googleapis.com/sourceLocation".into(),
            json!({
                "file": metadata.file(),
                "line": metadata.line().map(|line| line.to_string()),
                "function": metadata.module_path(),
            }),
        );
        if let Some(span) = context.event_span(event) {
            self.add_trace(&span, &mut line);
        }
        let mut text = Value::Object(line).to_string();
        text.push('\n');
        // a log that cannot be written has nowhere to complain
        let _ = self.writer.make_writer_for(metadata).write_all(text.as_bytes());
    }
}

/// Fields of a span or event under their own names.
#[derive(Debug, Default)]
struct Fields(Map<String, Value>);

impl Fields {
    fn put(&mut self, field: &Field, value: impl Into<Value>) {
        // names that only steer the trace
        if !field.name().starts_with("otel.") {
            self.0.insert(field.name().to_owned(), value.into());
        }
    }
}

impl Visit for Fields {
    fn record_f64(&mut self, field: &Field, value: f64) {
        self.put(field, value);
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.put(field, value);
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.put(field, value);
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.put(field, value);
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.put(field, value);
    }

    fn record_error(&mut self, field: &Field, value: &(dyn Error + 'static)) {
        let mut text = value.to_string();
        let mut source = value.source();
        while let Some(cause) = source {
            text.push_str(": ");
            text.push_str(&cause.to_string());
            source = cause.source();
        }
        self.put(field, text);
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.put(field, format!("{value:?}"));
    }
}

/// Cloud Logging's name of `level`.
fn severity(level: Level) -> &'static str {
    match level {
        Level::ERROR => "ERROR",
        Level::WARN => "WARNING",
        Level::INFO => "INFO",
        _ => "DEBUG",
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use opentelemetry::trace::TracerProvider as _;
    use opentelemetry_sdk::trace::SdkTracerProvider;
    use tracing_opentelemetry::OpenTelemetrySpanExt as _;
    use tracing_subscriber::layer::SubscriberExt as _;

    use super::*;

    const PARENT: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

    /// The lines that `work` logs.
    fn lines(project: Option<&str>, work: impl FnOnce()) -> Vec<Value> {
        let written = Arc::new(Mutex::new(Vec::new()));
        let writer = written.clone();
        let writer = move || Shared(writer.clone());
        let provider = SdkTracerProvider::builder().build();
        let subscriber = tracing_subscriber::registry()
            .with(CloudLog::new(writer, project.map(str::to_owned)))
            .with(tracing_opentelemetry::layer().with_tracer(provider.tracer("test")));
        tracing::subscriber::with_default(subscriber, work);
        let text = String::from_utf8(written.lock().unwrap().clone()).unwrap();
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    struct Shared(Arc<Mutex<Vec<u8>>>);

    impl std::io::Write for Shared {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_line_has_cloud_loggings_fields() {
        let lines = lines(Some("shop"), || {
            let mut headers = ::http::HeaderMap::new();
            headers.insert("traceparent", PARENT.parse().unwrap());
            let span = tracing::info_span!(
                "call",
                otel.kind = "server",
                session.id = "ses_1",
                rpc.code = tracing::field::Empty
            );
            span.set_parent(crate::telemetry::extract(&headers)).unwrap();
            span.record("rpc.code", 7);
            span.in_scope(|| {
                let inner = tracing::info_span!("inner", rows = 3_u64);
                inner.in_scope(|| tracing::warn!(duration_ms = 1.5, "it took \"long\"\nvery"));
            });
        });
        let [line] = lines.as_slice() else { panic!("{lines:?}") };
        assert_eq!(line["severity"], "WARNING");
        assert_eq!(line["message"], "it took \"long\"\nvery");
        assert!(line["time"].as_str().unwrap().parse::<Timestamp>().is_ok());
        assert_eq!(
            line["logging.googleapis.com/trace"],
            "projects/shop/traces/0af7651916cd43dd8448eb211c80319c"
        );
        assert_eq!(line["logging.googleapis.com/spanId"].as_str().unwrap().len(), 16);
        assert_eq!(line["logging.googleapis.com/trace_sampled"], true);
        assert!(line["logging.googleapis.com/sourceLocation"]["file"].as_str().unwrap().ends_with("json.rs"));
        assert!(
            line["logging.googleapis.com/sourceLocation"]["line"].as_str().unwrap().parse::<u32>().is_ok()
        );
        assert_eq!(line["target"], module_path!());
        assert_eq!((&line["session.id"], &line["rpc.code"]), (&json!("ses_1"), &json!(7)));
        assert_eq!((&line["rows"], &line["duration_ms"]), (&json!(3), &json!(1.5)));
        assert_eq!(line.get("otel.kind"), None);
    }

    #[test]
    fn a_line_outside_of_any_span_has_no_trace() {
        let lines = lines(None, || {
            tracing::error!(
                error = &std::io::Error::other("cause") as &(dyn Error + 'static),
                severity = "mine",
                "bad"
            );
            tracing::debug!("detail");
        });
        assert_eq!((&lines[0]["severity"], &lines[1]["severity"]), (&json!("ERROR"), &json!("DEBUG")));
        assert_eq!(lines[0]["error"], "cause");
        assert!(lines.iter().all(|line| line.get("logging.googleapis.com/trace").is_none()));
    }
}
