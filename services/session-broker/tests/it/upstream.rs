//! A provider over real HTTP that answers what a test has scripted, else as OpenAI does.
//!
//! It notes every request when it arrives, before it answers.

use std::{
    collections::VecDeque,
    net::SocketAddr,
    sync::{
        Arc, Mutex,
        atomic::{AtomicI64, AtomicU64, Ordering},
    },
    time::Duration,
};

use axum::{
    Router,
    body::Bytes,
    extract::State,
    http::{HeaderMap, Method, StatusCode, Uri},
    response::{IntoResponse as _, Response},
};
use jiff::Timestamp;
use serde_json::{Value, json};
use tokio::{
    net::TcpListener,
    sync::{oneshot, watch},
    task::JoinHandle,
};

/// Longest wait of a test for something that must happen.
const PATIENCE: Duration = Duration::from_secs(20);

/// The time of a test.
#[derive(Clone)]
pub(crate) struct Time(Arc<AtomicI64>);

/// A request as it arrived.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    pub(crate) method: Method,
    pub(crate) path: String,
    pub(crate) query: String,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Value,
}

/// One scripted answer.
pub(crate) enum Reply {
    /// This status, these headers, this body.
    Plain(u16, Vec<(&'static str, &'static str)>, String),
    /// A session with so many seconds left.
    Session(i64),
    /// None, for as long as the caller waits.
    Never,
    /// A session, once the other end says so.
    After(oneshot::Receiver<()>),
}

/// The provider.
pub(crate) struct Upstream {
    pub(crate) addr: SocketAddr,
    desk: Arc<Desk>,
    asked: watch::Receiver<Vec<Asked>>,
    serving: JoinHandle<()>,
}

struct Desk {
    time: Time,
    asked: watch::Sender<Vec<Asked>>,
    script: Mutex<VecDeque<Reply>>,
    made: AtomicU64,
    /// User and id of every thread, the oldest first.
    threads: Mutex<Vec<(String, String)>>,
}

impl Time {
    pub(crate) fn start() -> Self {
        Self(Arc::new(AtomicI64::new(1_800_000_000)))
    }

    pub(crate) fn seconds(&self) -> i64 {
        self.0.load(Ordering::SeqCst)
    }

    pub(crate) fn advance(&self, seconds: i64) {
        self.0.fetch_add(seconds, Ordering::SeqCst);
    }

    pub(crate) fn clock(&self) -> store::Clock {
        let time = self.clone();
        Arc::new(move || Timestamp::from_second(time.seconds()).unwrap())
    }
}

impl Upstream {
    pub(crate) async fn start(time: Time) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr = listener.local_addr().unwrap();
        let (sender, asked) = watch::channel(Vec::new());
        let desk = Arc::new(Desk {
            time,
            asked: sender,
            script: Mutex::default(),
            made: AtomicU64::default(),
            threads: Mutex::default(),
        });
        let router = Router::new().fallback(answer).with_state(desk.clone());
        let serving = tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self { addr, desk, asked, serving }
    }

    /// Answers the next requests so, in this order.
    pub(crate) fn script(&self, replies: impl IntoIterator<Item = Reply>) {
        self.desk.script.lock().unwrap().extend(replies);
    }

    /// Lets the next request wait until the answer is sent.
    pub(crate) fn hold(&self) -> oneshot::Sender<()> {
        let (release, held) = oneshot::channel();
        self.script([Reply::After(held)]);
        release
    }

    /// A user talks in so many hosted chats.
    pub(crate) fn talk(&self, user: &str, count: usize) {
        let mut threads = self.desk.threads.lock().unwrap();
        let next = threads.len();
        threads.extend((next..next + count).map(|number| (user.to_owned(), format!("cthr_{number}"))));
    }

    /// How many threads a user has.
    pub(crate) fn threads_of(&self, user: &str) -> usize {
        self.desk.threads.lock().unwrap().iter().filter(|(owner, _)| owner == user).count()
    }

    /// What was asked so far.
    pub(crate) fn asked(&self) -> Vec<Asked> {
        self.asked.borrow().clone()
    }

    /// Waits until so many requests have arrived.
    pub(crate) async fn until_asked(&self, count: usize) {
        let mut asked = self.asked.clone();
        let arrived = asked.wait_for(|asked| asked.len() >= count);
        tokio::time::timeout(PATIENCE, arrived).await.expect("the provider is asked").unwrap();
    }
}

impl Drop for Upstream {
    fn drop(&mut self) {
        self.serving.abort();
        let left = self.desk.script.lock().unwrap().len();
        assert!(std::thread::panicking() || left == 0, "{left} scripted answers were never asked for");
    }
}

async fn answer(
    State(desk): State<Arc<Desk>>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let body = if body.is_empty() { Value::Null } else { serde_json::from_slice(&body).unwrap() };
    let query = uri.query().unwrap_or_default().to_owned();
    let asked = Asked { method: method.clone(), path: uri.path().to_owned(), query, headers, body };
    desk.asked.send_modify(|all| all.push(asked));
    let reply = desk.script.lock().unwrap().pop_front();
    match reply {
        Some(Reply::Plain(status, headers, body)) => {
            let mut response = (StatusCode::from_u16(status).unwrap(), body).into_response();
            for (name, value) in headers {
                response.headers_mut().insert(name, value.parse().unwrap());
            }
            response
        }
        Some(Reply::Never) => std::future::pending().await,
        Some(Reply::After(release)) => {
            release.await.unwrap();
            desk.session(600)
        }
        Some(Reply::Session(seconds)) => desk.session(seconds),
        None if uri.path().starts_with("/v1/chatkit/threads") => desk.threads(&method, &uri),
        None => desk.session(600),
    }
}

impl Desk {
    fn threads(&self, method: &Method, uri: &Uri) -> Response {
        let mut threads = self.threads.lock().unwrap();
        if *method == Method::DELETE {
            let id = uri.path().rsplit('/').next().unwrap();
            let before = threads.len();
            threads.retain(|(_, thread)| thread != id);
            if threads.len() == before {
                return StatusCode::NOT_FOUND.into_response();
            }
            let deleted = json!({"id": id, "object": "chatkit.thread.deleted", "deleted": true});
            return axum::Json(deleted).into_response();
        }
        let user = uri.query().unwrap().strip_prefix("user=").unwrap().split('&').next().unwrap();
        let of = threads.iter().filter(|(owner, _)| owner == user);
        let page: Vec<_> =
            of.take(100).map(|(_, id)| json!({"id": id, "object": "chatkit.thread"})).collect();
        axum::Json(json!({"object": "list", "data": page})).into_response()
    }

    fn session(&self, seconds: i64) -> Response {
        let number = self.made.fetch_add(1, Ordering::SeqCst) + 1;
        let session = json!({
            "id": format!("cksess_{number}"),
            "object": "chatkit.session",
            "client_secret": secret(number),
            "expires_at": self.time.seconds() + seconds,
            "status": "active",
        });
        axum::Json(session).into_response()
    }
}

/// The secret of the session with this number, from 1.
pub(crate) fn secret(number: u64) -> String {
    format!("ek_very_secret_{number}_of_a_test")
}
