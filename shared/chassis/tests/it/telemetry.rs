//! Spans as a collector gets them.

use std::sync::{Arc, Mutex};

use axum::{
    Router,
    http::{HeaderMap, StatusCode},
    routing::get,
};
use chassis::{Grpc, http::RequestExt as _, telemetry};
use opentelemetry::{
    Value,
    trace::{SpanKind, Status, TracerProvider as _},
};
use opentelemetry_sdk::{
    error::OTelSdkResult,
    trace::{SdkTracerProvider, SpanData, SpanExporter},
};
use tonic::Code;
use tracing::subscriber::DefaultGuard;
use tracing_subscriber::layer::SubscriberExt as _;

use crate::stage::{Act, PATIENCE, Stage, call, in_time, ok, until};

const PARENT: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

/// Keeps what ended.
#[derive(Clone, Debug, Default)]
struct Spans(Arc<Mutex<Vec<SpanData>>>);

impl SpanExporter for Spans {
    async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
        self.0.lock().unwrap().extend(batch);
        Ok(())
    }
}

impl Spans {
    /// From now on, on this thread.
    fn watch() -> (Self, DefaultGuard) {
        let spans = Self::default();
        let provider = SdkTracerProvider::builder().with_simple_exporter(spans.clone()).build();
        let layer = tracing_opentelemetry::layer().with_tracer(provider.tracer("it"));
        let guard = tracing::subscriber::set_default(tracing_subscriber::registry().with(layer));
        (spans, guard)
    }

    /// The first span of this kind, when it has ended.
    async fn of(&self, kind: SpanKind) -> SpanData {
        let find = || self.0.lock().unwrap().iter().find(|span| span.span_kind == kind).cloned();
        until(|| async { find().is_some() }).await;
        find().unwrap()
    }
}

fn attribute(span: &SpanData, name: &str) -> Option<Value> {
    span.attributes.iter().find(|pair| pair.key.as_str() == name).map(|pair| pair.value.clone())
}

/// Answers a request by asking a provider, whose answer has `status`; answers what the provider saw as the parent.
async fn relay(provider: &Stage) -> Stage {
    let url = provider.url().join("/secret-path?key=canary").unwrap();
    let ask = || async move {
        let call = chassis::http::client().get(url).bearer_auth("canary").outbound(PATIENCE);
        match telemetry::send(call).await {
            Ok(answer) => answer.text().await.unwrap(),
            Err(_) => "nothing".to_owned(),
        }
    };
    Stage::open(Router::new().route("/ask", get(ask)).layer(telemetry::http_layer("it")), PATIENCE).await
}

async fn provider(status: StatusCode) -> Stage {
    let seen = move |headers: HeaderMap| async move {
        (status, headers["traceparent"].to_str().unwrap().to_owned())
    };
    Stage::open(Router::new().fallback(seen), PATIENCE).await
}

async fn ask(relay: &Stage) -> String {
    let call = chassis::http::client().get(relay.url().join("/ask").unwrap()).header("traceparent", PARENT);
    in_time(call.send()).await.unwrap().text().await.unwrap()
}

#[tokio::test]
async fn a_call_to_a_provider_is_a_span_of_the_request_that_made_it() {
    let (spans, _guard) = Spans::watch();
    let provider = provider(StatusCode::OK).await;
    let seen = ask(&relay(&provider).await).await;
    let (client, server) = (spans.of(SpanKind::Client).await, spans.of(SpanKind::Server).await);
    let id = server.span_context.trace_id();
    assert_eq!(id.to_string(), PARENT[3..35]);
    assert_eq!(server.parent_span_id.to_string(), PARENT[36..52]);
    assert_eq!((client.span_context.trace_id(), client.parent_span_id), (id, server.span_context.span_id()));
    assert_eq!(seen, format!("00-{id}-{}-01", client.span_context.span_id()), "the provider's parent");

    assert_eq!((&*client.name, &*server.name), ("GET", "GET /ask"));
    let port = i64::from(provider.addr.port());
    for (span, name, value) in [
        (&client, "http.request.method", Value::from("GET")),
        (&client, "http.response.status_code", Value::from(200)),
        (&client, "server.address", Value::from("127.0.0.1")),
        (&client, "server.port", Value::from(port)),
        (&server, "http.request.method", Value::from("GET")),
        (&server, "http.response.status_code", Value::from(200)),
        (&server, "http.route", Value::from("/ask")),
        (&server, "url.scheme", Value::from("http")),
    ] {
        assert_eq!(attribute(span, name), Some(value), "{name} of {:?}", span.span_kind);
    }
    let all = format!("{client:?}{server:?}");
    assert!(!all.contains("canary") && !all.contains("secret-path"), "{all}");
}

#[tokio::test]
async fn a_call_that_fails_says_how() {
    for status in [StatusCode::SERVICE_UNAVAILABLE, StatusCode::UNAUTHORIZED] {
        let (spans, _guard) = Spans::watch();
        ask(&relay(&provider(status).await).await).await;
        let span = spans.of(SpanKind::Client).await;
        assert!(matches!(span.status, Status::Error { .. }), "{span:?}");
        assert_eq!(attribute(&span, "error.type"), Some(status.as_str().to_owned().into()));
    }
    let (spans, _guard) = Spans::watch();
    let gone = provider(StatusCode::OK).await;
    let relay = relay(&gone).await;
    gone.leave();
    gone.drained().await;
    assert_eq!(ask(&relay).await, "nothing");
    let span = spans.of(SpanKind::Client).await;
    assert_eq!(attribute(&span, "error.type"), Some("connect".into()));
    assert_eq!(attribute(&span, "http.response.status_code"), None);
}

#[tokio::test]
async fn a_grpc_call_is_told_in_the_words_of_the_conventions() {
    for (answer, code, failure) in [
        (Code::Ok, "OK", None),
        (Code::NotFound, "NOT_FOUND", None),
        (Code::Unavailable, "UNAVAILABLE", Some("UNAVAILABLE".into())),
    ] {
        let (spans, _guard) = Spans::watch();
        let act = Act::new(move |_| async move {
            if answer == Code::Ok { ok() } else { tonic::Status::new(answer, "canary").into_http() }
        });
        let grpc = Grpc::new(tonic_health::pb::FILE_DESCRIPTOR_SET).add(act);
        let stage = Stage::open(grpc, PATIENCE).await;
        drop(call(stage.channel(), &[("traceparent", PARENT)]).await.unwrap());
        let span = spans.of(SpanKind::Server).await;
        assert_eq!(
            (&*span.name, span.parent_span_id.to_string()),
            ("stage.Act/Do", PARENT[36..52].to_owned())
        );
        assert_eq!(attribute(&span, "rpc.system.name"), Some("grpc".into()));
        assert_eq!(attribute(&span, "rpc.method"), Some("stage.Act/Do".into()));
        assert_eq!(attribute(&span, "rpc.response.status_code"), Some(code.into()));
        assert_eq!(attribute(&span, "error.type"), failure);
        assert!(!format!("{span:?}").contains("canary"), "{span:?}");
    }
}

#[tokio::test]
async fn what_there_is_no_route_for_has_none() {
    let (spans, _guard) = Spans::watch();
    let stage = Stage::open(Router::new().layer(telemetry::http_layer("it")), PATIENCE).await;
    let call = chassis::http::client().get(stage.url().join("/canary").unwrap());
    let call = call.header("x-forwarded-proto", "https");
    assert_eq!(in_time(call.send()).await.unwrap().status(), StatusCode::NOT_FOUND);
    let span = spans.of(SpanKind::Server).await;
    assert_eq!((&*span.name, attribute(&span, "http.route")), ("GET", None));
    assert_eq!(attribute(&span, "url.scheme"), Some("https".into()));
    assert!(!format!("{span:?}").contains("canary"), "{span:?}");
}
