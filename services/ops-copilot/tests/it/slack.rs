//! Slack's end of an incoming webhook.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex},
};

use axum::{
    Router,
    body::Bytes,
    extract::State,
    http::{HeaderMap, StatusCode},
    response::{IntoResponse as _, Response},
    routing::post,
};
use serde_json::Value;

/// What it answers: a status, its word, and `Retry-After`.
pub(crate) type Temper = (u16, &'static str, Option<u64>);

#[derive(Default)]
struct Inner {
    tempers: VecDeque<Temper>,
    always: Option<Temper>,
    texts: Vec<String>,
    asked: usize,
}

#[derive(Clone, Default)]
pub(crate) struct Slack(Arc<Mutex<Inner>>);

// === impl Slack ===

impl Slack {
    pub(crate) async fn serve(&self) -> String {
        let router = Router::new().route("/services/T0/B0/s3same", post(take)).with_state(self.clone());
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/services/T0/B0/s3same", listener.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(listener, router).await });
        url
    }

    pub(crate) fn then(&self, tempers: impl IntoIterator<Item = Temper>) {
        self.0.lock().unwrap().tempers.extend(tempers);
    }

    pub(crate) fn always(&self, temper: Option<Temper>) {
        self.0.lock().unwrap().always = temper;
    }

    /// The texts that were taken.
    pub(crate) fn texts(&self) -> Vec<String> {
        self.0.lock().unwrap().texts.clone()
    }

    /// How often it was asked.
    pub(crate) fn asked(&self) -> usize {
        self.0.lock().unwrap().asked
    }
}

async fn take(State(slack): State<Slack>, headers: HeaderMap, body: Bytes) -> Response {
    let mut inner = slack.0.lock().unwrap();
    inner.asked += 1;
    if let Some((status, word, wait)) = inner.tempers.pop_front().or(inner.always) {
        let mut response = (StatusCode::from_u16(status).unwrap(), word).into_response();
        if let Some(wait) = wait {
            response.headers_mut().insert("retry-after", wait.into());
        }
        return response;
    }
    let body: Value = serde_json::from_slice(&body).unwrap_or_default();
    if headers["content-type"] != "application/json" || body["text"].as_str().is_none_or(str::is_empty) {
        return (StatusCode::BAD_REQUEST, "no_text").into_response();
    }
    inner.texts.push(body["text"].as_str().unwrap().to_owned());
    (StatusCode::OK, "ok").into_response()
}
