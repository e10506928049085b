//! A provider over real HTTP that answers what a test says, and notes what it was asked.

use std::{
    collections::BTreeMap,
    net::SocketAddr,
    sync::{Arc, Mutex, PoisonError},
};

use axum::{
    Router,
    body::Bytes,
    extract::State,
    http::{HeaderMap, StatusCode, Uri},
    response::{IntoResponse as _, Response},
};
use serde_json::Value;
use tokio::{net::TcpListener, sync::RwLock, task::JoinHandle};
use url::{Url, form_urlencoded::parse};

/// A request as it arrived.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    /// `GET /memberships/mem_1`
    pub(crate) line: String,
    pub(crate) query: BTreeMap<String, String>,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Value,
}

type Answer = dyn Fn(&Asked) -> (u16, Value) + Send + Sync;

/// The provider.
pub(crate) struct Upstream {
    addr: SocketAddr,
    desk: Arc<Desk>,
    serving: JoinHandle<()>,
}

struct Desk {
    answer: Mutex<Arc<Answer>>,
    asked: Mutex<Vec<Asked>>,
    /// Answers wait while it is held for writing.
    gate: Arc<RwLock<()>>,
}

// === impl Asked ===

impl Asked {
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }
}

// === impl Upstream ===

impl Upstream {
    pub(crate) async fn start(answer: impl Fn(&Asked) -> (u16, Value) + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr = listener.local_addr().unwrap();
        let desk = Arc::new(Desk {
            answer: Mutex::new(Arc::new(answer)),
            asked: Mutex::default(),
            gate: Arc::default(),
        });
        let router = Router::new().fallback(serve).with_state(desk.clone());
        let serving = tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self { addr, desk, serving }
    }

    /// Answers so from now on.
    pub(crate) fn answer(&self, answer: impl Fn(&Asked) -> (u16, Value) + Send + Sync + 'static) {
        *self.desk.answer.lock().unwrap() = Arc::new(answer);
    }

    /// Notes what arrives and answers nothing until the guard is dropped.
    pub(crate) async fn hold(&self) -> tokio::sync::OwnedRwLockWriteGuard<()> {
        self.desk.gate.clone().write_owned().await
    }

    pub(crate) fn base(&self) -> Url {
        format!("http://{}/", self.addr).parse().unwrap()
    }

    /// What it was asked so far.
    pub(crate) fn asked(&self) -> Vec<Asked> {
        self.desk.asked.lock().unwrap().clone()
    }

    /// The last request.
    pub(crate) fn last(&self) -> Asked {
        self.asked().pop().unwrap()
    }
}

impl Drop for Upstream {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

async fn serve(
    State(desk): State<Arc<Desk>>,
    method: axum::http::Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let query = parse(uri.query().unwrap_or_default().as_bytes()).into_owned().collect();
    let body = serde_json::from_slice(&body).unwrap_or_default();
    let asked = Asked { line: format!("{method} {}", uri.path()), query, headers, body };
    desk.asked.lock().unwrap().push(asked.clone());
    let _open = desk.gate.read().await;
    // An assertion that failed in an answer is the test's to tell.
    let answer = desk.answer.lock().unwrap_or_else(PoisonError::into_inner).clone();
    let (status, mut body) = answer(&asked);
    let wait = body.as_object_mut().and_then(|body| body.remove("retry_after"));
    let mut response = (StatusCode::from_u16(status).unwrap(), axum::Json(body)).into_response();
    if let Some(wait) = wait {
        response.headers_mut().insert("retry-after", wait.to_string().parse().unwrap());
    }
    response
}
