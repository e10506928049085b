//! The yardstick: the least that axum and reqwest can do for the same requests, in a process of its own.
//!
//! It has no identity, no limits, no memory, no telemetry and no second hop. The invariant: it does of each request
//! what cannot be left out: forward it, answer it, or have it on the disk.

use std::{
    fs::File,
    io::Write as _,
    sync::{Arc, Mutex, PoisonError},
};

use anyhow::Context as _;
use axum::{
    Router,
    body::Bytes,
    extract::State,
    http::{StatusCode, header},
    response::{IntoResponse as _, Response},
    routing::{get, post},
};
use reqwest::Client;

/// Forwards to the upstream's sessions.
pub(crate) const MINT: &str = "/mint";
/// Answers at once, with as much as a session is.
pub(crate) const HELD: &str = "/held";
/// Appends to a file, syncs it, and answers.
pub(crate) const EVENTS: &str = "/events";

const JSON: [(header::HeaderName, &str); 1] = [(header::CONTENT_TYPE, "application/json")];
/// Bytes of an answered session.
const SESSION: usize = 800;

#[derive(Clone)]
struct Bare {
    http: Client,
    sessions: Arc<str>,
    session: Bytes,
    log: Arc<Mutex<File>>,
}

/// Serves until it is killed; writes events into the directory that it is started in.
pub(crate) fn serve(upstream: &str, port: u16) -> anyhow::Result<()> {
    let log = File::create("events.log").context("no file for events")?;
    let bare = Bare {
        http: chassis::http::client(),
        sessions: format!("{upstream}/openai/v1/chatkit/sessions").into(),
        session: format!("{{\"client_secret\":\"{}\"}}", "x".repeat(SESSION)).into(),
        log: Arc::new(Mutex::new(log)),
    };
    let router = Router::new()
        .route("/health", get(async || "ok"))
        .route(MINT, post(mint))
        .route(HELD, post(held))
        .route(EVENTS, post(take_event))
        .with_state(bare);
    tokio::runtime::Runtime::new().context("no runtime")?.block_on(async {
        let listener = chassis::bind([127, 0, 0, 1].into(), port).await.context("no port")?;
        println!("serving {}", listener.local_addr()?);
        axum::serve(listener, router).await.context("cannot serve")
    })
}

async fn mint(State(bare): State<Bare>, body: Bytes) -> Result<Response, StatusCode> {
    let request = bare.http.post(&*bare.sessions).bearer_auth(sandbox::API_KEY).body(body);
    let request = request.header("openai-beta", "chatkit_beta=v1");
    let request = request.header(header::CONTENT_TYPE, "application/json");
    let answer = request.send().await.map_err(|_| StatusCode::BAD_GATEWAY)?;
    let status = answer.status();
    let body = answer.bytes().await.map_err(|_| StatusCode::BAD_GATEWAY)?;
    Ok((status, JSON, body).into_response())
}

async fn held(State(bare): State<Bare>, _body: Bytes) -> Response {
    (JSON, bare.session).into_response()
}

async fn take_event(State(bare): State<Bare>, body: Bytes) -> Result<Response, StatusCode> {
    let write = move || {
        let mut log = bare.log.lock().unwrap_or_else(PoisonError::into_inner);
        log.write_all(&body)?;
        log.sync_data()
    };
    let written = tokio::task::spawn_blocking(write).await;
    written.ok().and_then(Result::ok).ok_or(StatusCode::INTERNAL_SERVER_ERROR)?;
    Ok((StatusCode::ACCEPTED, JSON, "{\"accepted\":1}").into_response())
}
