//! HTTP servers, their layer, and calls to providers.

use std::{net::SocketAddr, time::Duration};

use axum::{Router, body::Body, extract::ConnectInfo, http::HeaderMap, routing::get};
use chassis::{deadline, http::RequestExt as _, request_id, telemetry};
use tokio_stream::StreamExt as _;

use crate::stage::{PATIENCE, Stage, in_time, trace};

fn layered(router: Router) -> Router {
    router.layer(telemetry::http_layer("it"))
}

#[tokio::test]
async fn handler_and_body_know_the_request_id_that_the_answer_shows() {
    let name = || async {
        let handler = request_id::current().unwrap();
        let body = tokio_stream::once(handler).map(|handler| {
            let body = request_id::current().unwrap();
            Ok::<_, std::io::Error>(format!("{handler} {body}"))
        });
        Body::from_stream(body)
    };
    let stage = Stage::open(layered(Router::new().route("/", get(name))), PATIENCE).await;
    let client = chassis::http::client();
    let given = client.get(stage.url()).header(request_id::HEADER, "req_7");
    let answer = in_time(given.send()).await.unwrap();
    assert_eq!(answer.headers()[request_id::HEADER], "req_7");
    assert_eq!(answer.text().await.unwrap(), "req_7 req_7");
    let made = in_time(client.get(stage.url()).send()).await.unwrap();
    let id = made.headers()[request_id::HEADER].to_str().unwrap().to_owned();
    assert_eq!(id.len(), 32);
    assert_eq!(made.text().await.unwrap(), format!("{id} {id}"));
}

#[tokio::test]
async fn a_server_speaks_both_versions_of_http_and_knows_its_peer() {
    let peer = |ConnectInfo(peer): ConnectInfo<SocketAddr>, request: axum::extract::Request| async move {
        format!("{:?} {}", request.version(), peer.ip())
    };
    let stage = Stage::open(Router::new().route("/", get(peer)), PATIENCE).await;
    let one = in_time(chassis::http::client().get(stage.url()).send()).await.unwrap();
    assert_eq!(one.text().await.unwrap(), "HTTP/1.1 127.0.0.1");
    let two = reqwest::Client::builder().http2_prior_knowledge().build().unwrap();
    let two = in_time(two.get(stage.url()).send()).await.unwrap();
    assert_eq!(two.text().await.unwrap(), "HTTP/2.0 127.0.0.1");
}

#[tokio::test]
async fn an_outbound_call_keeps_the_deadline_and_carries_the_trace() {
    trace();
    let router = Router::new()
        .route("/stuck", get(std::future::pending::<()>))
        .route(
            "/trace",
            get(|headers: HeaderMap| async move { headers["traceparent"].to_str().unwrap().to_owned() }),
        )
        .route("/away", get(|| async { axum::response::Redirect::temporary("/trace") }));
    let provider = Stage::open(router, PATIENCE).await;
    let url = provider.url();
    let relay = Router::new().route(
        "/",
        get(|| async move {
            let sent =
                chassis::http::client().get(url.join("/trace").unwrap()).outbound(PATIENCE).send().await;
            sent.unwrap().text().await.unwrap()
        }),
    );
    let relay = Stage::open(layered(relay), PATIENCE).await;
    let parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    let client = chassis::http::client();
    let traced = in_time(client.get(relay.url()).header("traceparent", parent).send()).await.unwrap();
    let traced = traced.text().await.unwrap();
    assert_eq!(&traced[..36], &parent[..36]);
    assert_ne!(&traced[36..52], &parent[36..52]);

    let cut = in_time(deadline::within(Duration::from_millis(30), async {
        client.get(provider.url().join("/stuck").unwrap()).outbound(PATIENCE).send().await
    }))
    .await;
    assert!(cut.unwrap_err().is_timeout());
    let away = in_time(client.get(provider.url().join("/away").unwrap()).send()).await.unwrap();
    assert_eq!(away.status(), 307, "redirects are not followed");
}
