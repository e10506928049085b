//! A receiver of events, of any temper.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex},
    time::Duration,
};

use axum::{
    Router,
    body::{Body, Bytes},
    extract::State,
    http::{HeaderMap, HeaderValue, StatusCode, Uri, header},
    response::{IntoResponse as _, Response},
};
use serde_json::Value;

/// How it answers.
#[derive(Clone, Debug)]
pub(super) enum Temper {
    Fine,
    /// Fine, after a while.
    Slow(Duration),
    Status(u16),
    /// A status with `Retry-After`.
    Later(u16, u64),
    Redirect(String),
    /// Never.
    Hangs,
    /// 200, with a body that does not end.
    Endless,
}

/// One request.
#[derive(Clone, Debug)]
pub(super) struct Received {
    pub(super) path: String,
    pub(super) headers: HeaderMap,
    pub(super) raw: Bytes,
    pub(super) body: Value,
    /// It was answered 2xx, or would have been.
    pub(super) taken: bool,
}

type Rule = Box<dyn Fn(&Value) -> Option<Temper> + Send + Sync>;

#[derive(Default)]
struct Shared {
    received: Mutex<Vec<Received>>,
    next: Mutex<VecDeque<Temper>>,
    rule: Mutex<Option<Rule>>,
}

/// A running receiver.
#[derive(Clone)]
pub(super) struct Receiver {
    shared: Arc<Shared>,
    pub(super) url: String,
}

impl Receiver {
    pub(super) async fn start() -> Self {
        let shared = Arc::new(Shared::default());
        let router = Router::new().fallback(answer).with_state(shared.clone());
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/hook", listener.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self { shared, url }
    }

    /// Answers the next requests like this, one each.
    pub(super) fn then(&self, tempers: impl IntoIterator<Item = Temper>) {
        self.shared.next.lock().unwrap().extend(tempers);
    }

    /// Answers like this what the rule finds, whenever it comes.
    pub(super) fn always(&self, rule: impl Fn(&Value) -> Option<Temper> + Send + Sync + 'static) {
        *self.shared.rule.lock().unwrap() = Some(Box::new(rule));
    }

    pub(super) fn received(&self) -> Vec<Received> {
        self.shared.received.lock().unwrap().clone()
    }

    /// The types of what it took, in the order in which it did.
    pub(super) fn types(&self) -> Vec<String> {
        let text = |received: &Received| received.body["type"].as_str().unwrap().to_owned();
        self.received().iter().filter(|received| received.taken).map(text).collect()
    }
}

async fn answer(State(shared): State<Arc<Shared>>, uri: Uri, headers: HeaderMap, raw: Bytes) -> Response {
    let body: Value = serde_json::from_slice(&raw).unwrap();
    let ruled = shared.rule.lock().unwrap().as_ref().and_then(|rule| rule(&body));
    let temper = ruled.or_else(|| shared.next.lock().unwrap().pop_front()).unwrap_or(Temper::Fine);
    let taken = matches!(temper, Temper::Fine | Temper::Slow(_) | Temper::Endless);
    let received = Received { path: uri.path().to_owned(), headers, raw, body, taken };
    shared.received.lock().unwrap().push(received);
    let code = |status: u16| StatusCode::from_u16(status).unwrap();
    match temper {
        Temper::Fine => StatusCode::NO_CONTENT.into_response(),
        Temper::Slow(time) => {
            tokio::time::sleep(time).await;
            StatusCode::OK.into_response()
        }
        Temper::Status(status) => code(status).into_response(),
        Temper::Later(status, seconds) => {
            (code(status), [(header::RETRY_AFTER, HeaderValue::from(seconds))]).into_response()
        }
        Temper::Redirect(to) => (StatusCode::TEMPORARY_REDIRECT, [(header::LOCATION, to)]).into_response(),
        Temper::Hangs => std::future::pending().await,
        Temper::Endless => {
            let chunk = || Ok::<_, std::io::Error>(Bytes::from_static(&[b'x'; 4096]));
            Body::from_stream(futures_util::stream::repeat_with(chunk)).into_response()
        }
    }
}
