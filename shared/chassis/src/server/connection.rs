//! Accepting connections and seeing them to their end.
//!
//! The invariant: everything that runs for a connection is counted and can be cut, HTTP/2 streams included.

use std::{future::Future, net::SocketAddr, pin::pin, time::Duration};

use axum::{Router, body::Body, extract::ConnectInfo};
use http::Request;
use hyper::{body::Incoming, rt::Executor, service::service_fn};
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    server::conn::auto,
};
use tokio::{
    io,
    net::{TcpListener, TcpStream},
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use tonic::transport::server::TcpConnectInfo;
use tower::ServiceExt as _;

/// What a peer may take for its first byte, and for the headers of an HTTP/1 request.
const HEADER_TIMEOUT: Duration = Duration::from_secs(10);
const KEEP_ALIVE: Duration = Duration::from_secs(20);
const KEEP_ALIVE_TIMEOUT: Duration = Duration::from_secs(10);
/// Streams of one connection: Cloud Run sends a whole instance's requests through a few.
const MAX_STREAMS: u32 = 1_000;
/// How long to hold off when the process is out of file descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// The open connections of one server.
#[derive(Clone)]
pub(super) struct Connections {
    builder: auto::Builder<Spawner>,
    spawner: Spawner,
    shutdown: CancellationToken,
}

// === impl Connections ===

impl Connections {
    /// With `only_http2` a peer that speaks HTTP/1 is turned away.
    pub(super) fn new(only_http2: bool, shutdown: &CancellationToken, cut: &CancellationToken) -> Self {
        let spawner = Spawner { running: TaskTracker::new(), cut: cut.clone() };
        let mut builder = auto::Builder::new(spawner.clone());
        builder.http1().timer(TokioTimer::new()).header_read_timeout(HEADER_TIMEOUT);
        builder
            .http2()
            .timer(TokioTimer::new())
            .keep_alive_interval(KEEP_ALIVE)
            .keep_alive_timeout(KEEP_ALIVE_TIMEOUT)
            .max_concurrent_streams(MAX_STREAMS);
        let builder = if only_http2 { builder.http2_only() } else { builder };
        Self { builder, spawner, shutdown: shutdown.clone() }
    }

    /// Takes connections until the shutdown.
    pub(super) async fn accept(&self, listener: TcpListener, router: Router) {
        loop {
            let accepted = tokio::select! {
                biased;
                () = self.shutdown.cancelled() => return,
                accepted = listener.accept() => accepted,
            };
            match accepted {
                Ok((stream, peer)) => {
                    self.spawner.execute(self.clone().see_through(stream, peer, router.clone()));
                }
                Err(failure) if is_peers(&failure) => {}
                Err(failure) => {
                    tracing::warn!(error = %failure, "no connection can be accepted");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            }
        }
    }

    /// Waits until all are closed.
    pub(super) async fn wait(&self) {
        self.spawner.running.close();
        self.spawner.running.wait().await;
    }

    /// What still runs: connections and their streams.
    pub(super) fn len(&self) -> usize {
        self.spawner.running.len()
    }

    async fn see_through(self, stream: TcpStream, peer: SocketAddr, router: Router) {
        // a slower connection is no reason to refuse it
        let _ = stream.set_nodelay(true);
        if !self.is_spoken_to(&stream).await {
            return;
        }
        let local_addr = stream.local_addr().ok();
        let service = service_fn(move |request: Request<Incoming>| {
            let mut request = request.map(Body::new);
            request.extensions_mut().insert(ConnectInfo(peer));
            request.extensions_mut().insert(TcpConnectInfo { local_addr, remote_addr: Some(peer) });
            router.clone().oneshot(request)
        });
        let mut connection = pin!(self.builder.serve_connection(TokioIo::new(stream), service));
        let ended = tokio::select! {
            ended = connection.as_mut() => ended,
            () = self.shutdown.cancelled() => {
                connection.as_mut().graceful_shutdown();
                connection.await
            }
        };
        if let Err(failure) = ended {
            tracing::debug!(error = failure, "connection broke");
        }
    }

    /// Waits for the first byte: the guess of the protocol has no limit of its own.
    async fn is_spoken_to(&self, stream: &TcpStream) -> bool {
        tokio::select! {
            spoken = tokio::time::timeout(HEADER_TIMEOUT, stream.readable()) => matches!(spoken, Ok(Ok(()))),
            () = self.shutdown.cancelled() => false,
        }
    }
}

/// Whether the peer alone is to blame for the failed accept.
fn is_peers(failure: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    matches!(failure.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset)
}

/// Counts what it runs and drops it at the cut.
#[derive(Clone)]
struct Spawner {
    running: TaskTracker,
    cut: CancellationToken,
}

impl<F> Executor<F> for Spawner
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    fn execute(&self, future: F) {
        let cut = self.cut.clone();
        self.running.spawn(cut.run_until_cancelled_owned(future));
    }
}
