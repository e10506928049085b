//! A front over one or several instances, as Cloud Run's is one, that loses and delays what it is told to.
//!
//! It speaks HTTP/2 without TLS and passes bodies and trailers on as they come. The invariant: a call meets at most
//! one mishap, and what became of it is told by [`Relay::fates`].

mod line;
mod mishap;
mod upstream;

use std::{
    collections::BTreeMap,
    io,
    net::SocketAddr,
    pin::pin,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
};

use axum::body::{Body, Bytes};
use http_body_util::BodyExt as _;
use hyper::{Request, Response, StatusCode, body::Incoming, server::conn::http2, service::service_fn};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::watch,
};
use tokio_util::sync::CancellationToken;

pub(crate) use line::Line;
pub(crate) use mishap::{End, Fate, Meanwhile, Mishap, nothing};
use mishap::{Rules, grpc_status};
use upstream::Upstream;

/// A relay; clones are the same one. It ends with its test.
#[derive(Clone)]
pub(crate) struct Relay {
    pub(crate) address: SocketAddr,
    shared: Arc<Shared>,
}

struct Shared {
    upstreams: Mutex<Vec<Arc<Upstream>>>,
    /// Whose turn it is.
    turn: AtomicUsize,
    line: watch::Sender<Line>,
    rules: Rules,
    calls: AtomicU64,
    in_flight: Mutex<BTreeMap<u64, String>>,
    fates: Mutex<Vec<Fate>>,
}

/// A call on its way.
struct InFlight<'r> {
    shared: &'r Shared,
    number: u64,
}

// === impl Relay ===

impl Relay {
    /// A relay over instances at these addresses, which get calls in turn.
    pub(crate) async fn over(upstreams: &[SocketAddr]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let upstreams = upstreams.iter().map(|at| Arc::new(Upstream::new(*at))).collect();
        let shared = Arc::new(Shared {
            upstreams: Mutex::new(upstreams),
            turn: AtomicUsize::new(0),
            line: watch::Sender::new(Line::Open),
            rules: Rules::default(),
            calls: AtomicU64::new(0),
            in_flight: Mutex::default(),
            fates: Mutex::default(),
        });
        tokio::spawn(Arc::clone(&shared).accept(listener));
        Self { address, shared }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// An instance has moved.
    pub(crate) fn set_upstream(&self, number: usize, at: SocketAddr) {
        lock(&self.shared.upstreams)[number] = Arc::new(Upstream::new(at));
    }

    /// What happens to the next call whose path ends in `path` and whose request holds `needle`.
    pub(crate) fn next(&self, path: &str, needle: &str, mishap: Mishap) {
        self.nth(1, path, needle, mishap);
    }

    /// What happens to the so-manieth such call.
    pub(crate) fn nth(&self, nth: u64, path: &str, needle: &str, mishap: Mishap) {
        self.shared.rules.nth(nth, path, needle, mishap);
    }

    /// What happens to every so-manieth call whose path ends in `path`.
    pub(crate) fn every(&self, nth: u64, path: &str, mishap: fn() -> Mishap) {
        self.shared.rules.every(nth, path, mishap);
    }

    /// Cuts the line or mends it; the paths of the calls that were on their way.
    pub(crate) fn set(&self, line: Line) -> Vec<String> {
        let in_flight = lock(&self.shared.in_flight).values().cloned().collect();
        self.shared.line.send_replace(line);
        in_flight
    }

    /// What became of the calls that met a mishap, in the order in which it was known.
    pub(crate) fn fates(&self) -> Vec<Fate> {
        lock(&self.shared.fates).clone()
    }

    /// Mishaps that nobody has met yet.
    pub(crate) fn unmet(&self) -> usize {
        self.shared.rules.unmet()
    }

    /// How many calls each instance got.
    pub(crate) fn served(&self) -> Vec<u64> {
        lock(&self.shared.upstreams).iter().map(|upstream| upstream.served()).collect()
    }
}

// === impl Shared ===

impl Shared {
    async fn accept(self: Arc<Self>, listener: TcpListener) {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            stream.set_nodelay(true).unwrap();
            tokio::spawn(Arc::clone(&self).converse(stream));
        }
    }

    /// Serves a connection for as long as the line lets it.
    async fn converse(self: Arc<Self>, stream: TcpStream) {
        let hang_up = CancellationToken::new();
        let service = service_fn(|request| {
            let (relay, hang_up) = (Arc::clone(&self), hang_up.clone());
            async move { relay.answer(request, &hang_up).await }
        });
        let mut connection =
            pin!(http2::Builder::new(TokioExecutor::new()).serve_connection(TokioIo::new(stream), service));
        let mut line = self.line.subscribe();
        loop {
            let now = *line.borrow_and_update();
            match now {
                Line::Closed => return,
                // Nobody reads and nobody writes, and no end of the connection gets to know.
                Line::Silent => line.changed().await.expect("the relay has the other end"),
                Line::Open => tokio::select! {
                    // An error here is a client that left.
                    _ = &mut connection => return,
                    () = hang_up.cancelled() => return,
                    changed = line.changed() => changed.expect("the relay has the other end"),
                },
            }
        }
    }

    async fn answer(
        self: Arc<Self>,
        request: Request<Incoming>,
        hang_up: &CancellationToken,
    ) -> io::Result<Response<Body>> {
        let path = request.uri().path().to_owned();
        let _on_its_way = self.enter(&path);
        if !self.rules.watch(&path) {
            return Ok(self.forward(request.map(Body::new)).await);
        }
        let (head, body) = request.into_parts();
        let bytes = body.collect().await.map_err(io::Error::other)?.to_bytes();
        let request = Request::from_parts(head, Body::from(bytes.clone()));
        match self.rules.mishap(&path, &bytes) {
            None => Ok(self.forward(request).await),
            // It takes its course whether the client waits for it or not.
            Some(mishap) => {
                let course = tokio::spawn(Arc::clone(&self).befall(request, mishap));
                match course.await.map_err(io::Error::other)? {
                    Ok(answer) => Ok(answer),
                    Err(end) => end.come(hang_up).await,
                }
            }
        }
    }

    /// What a call that meets `mishap` comes to: an answer, or an end without one.
    async fn befall(self: Arc<Self>, request: Request<Body>, mishap: Mishap) -> Result<Response<Body>, End> {
        match mishap {
            Mishap::LoseAnswer(meanwhile, end) => {
                let status = read(self.forward(request).await).await;
                meanwhile.await;
                self.note(Fate::AnswerLost(status));
                Err(end)
            }
            Mishap::LoseSuccess(needle, meanwhile, end) => {
                let path = request.uri().path().to_owned();
                let (head, body) = self.forward(request).await.into_parts();
                let Ok(body) = body.collect().await else { return Ok(unavailable()) };
                let status = grpc_status(&head.headers).or_else(|| grpc_status(body.trailers()?));
                if status != Some(0) {
                    self.rules.nth(1, &path, needle, Mishap::LoseSuccess(needle, meanwhile, end));
                    return Ok(Response::from_parts(head, Body::new(body)));
                }
                meanwhile.await;
                self.note(Fate::AnswerLost(status));
                Err(end)
            }
            Mishap::LoseRequest(meanwhile, end) => {
                meanwhile.await;
                self.note(Fate::RequestLost);
                Err(end)
            }
            Mishap::DeliverLate(until, end) => {
                tokio::spawn(async move {
                    until.await;
                    let status = read(self.forward(request).await).await;
                    self.note(Fate::DeliveredLate(status));
                });
                Err(end)
            }
            Mishap::Delay(until) => {
                until.await;
                Ok(self.forward(request).await)
            }
        }
    }

    /// Passes a call to an instance that can be reached, and its answer back as it comes.
    async fn forward(&self, request: Request<Body>) -> Response<Body> {
        let upstreams = lock(&self.upstreams).clone();
        let turn = self.turn.fetch_add(1, Ordering::Relaxed);
        for number in 0..upstreams.len() {
            let upstream = &upstreams[(turn + number) % upstreams.len()];
            if let Some(mut sender) = upstream.sender().await {
                return match sender.send_request(request).await {
                    Ok(answer) => answer.map(Body::new),
                    Err(_) => unavailable(),
                };
            }
        }
        unavailable()
    }

    fn enter(&self, path: &str) -> InFlight<'_> {
        let number = self.calls.fetch_add(1, Ordering::Relaxed);
        lock(&self.in_flight).insert(number, path.to_owned());
        InFlight { shared: self, number }
    }

    fn note(&self, fate: Fate) {
        lock(&self.fates).push(fate);
    }
}

impl Drop for InFlight<'_> {
    fn drop(&mut self) {
        lock(&self.shared.in_flight).remove(&self.number);
    }
}

/// Reads an answer to its end; its gRPC status.
async fn read(answer: Response<Body>) -> Option<i32> {
    let (head, body) = answer.into_parts();
    let body = body.collect().await.ok()?;
    grpc_status(&head.headers).or_else(|| grpc_status(body.trailers()?))
}

/// What a front says when no instance can be reached, or one was lost over a call.
fn unavailable() -> Response<Body> {
    let mut answer = Response::new(Body::from(Bytes::new()));
    *answer.status_mut() = StatusCode::SERVICE_UNAVAILABLE;
    answer
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
