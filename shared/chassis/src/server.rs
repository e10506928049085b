//! Serving: what a service hands over, and how it is drained.
//!
//! One accept loop serves gRPC and HTTP alike, so that draining and cutting work the same for both. The invariant:
//! after `shutdown` no new connection is taken, requests in flight and background tasks get up to eight seconds, and
//! what is left then is dropped.

mod call;
mod connection;
mod grpc;

use std::{
    future::Future,
    io,
    net::IpAddr,
    time::{Duration, Instant},
};

use axum::Router;
use tokio::net::TcpListener;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use self::connection::Connections;
pub use self::grpc::Grpc;

/// What a drain may take: Cloud Run kills after ten seconds, two of which belong to the telemetry.
pub const DRAIN_LIMIT: Duration = Duration::from_secs(8);

/// What dropping may take.
const CUT_LIMIT: Duration = Duration::from_millis(200);

/// What a service gets besides its settings.
#[derive(Clone, Debug)]
pub struct Context {
    /// Name of the service.
    pub name: &'static str,
    /// Whether this is Cloud Run.
    pub cloud: bool,
    /// Cancelled when the process is asked to leave.
    pub shutdown: CancellationToken,
    /// Background tasks that the drain waits for.
    pub tasks: TaskTracker,
    /// Cancelled when the drain has taken too long.
    cut: CancellationToken,
}

// === impl Context ===

impl Context {
    /// The context of a service that starts now.
    pub fn new(name: &'static str, cloud: bool) -> Self {
        Self {
            name,
            cloud,
            shutdown: CancellationToken::new(),
            tasks: TaskTracker::new(),
            cut: CancellationToken::new(),
        }
    }

    /// Runs `task` in the background. The drain waits for it, so it should end soon after `shutdown`; a drain that
    /// takes too long drops it.
    pub fn spawn<F>(&self, task: F)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let cut = self.cut.clone();
        // boxed, or the wrapper would hold the task's state once more
        let task = Box::pin(task);
        self.tasks.spawn(async move {
            cut.run_until_cancelled_owned(task).await;
        });
    }
}

/// What a service serves.
#[derive(Debug)]
pub enum Server {
    /// gRPC with health and reflection.
    Grpc(Grpc),
    /// HTTP/1.1 and HTTP/2 without TLS.
    Http(Router),
}

impl From<Grpc> for Server {
    fn from(grpc: Grpc) -> Self {
        Self::Grpc(grpc)
    }
}

impl From<Router> for Server {
    fn from(router: Router) -> Self {
        Self::Http(router)
    }
}

/// How a drain ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Drain {
    /// Everything in flight was finished.
    Clean,
    /// Time was up; what was left was dropped.
    Cut,
}

/// A listener on `host:port`; port 0 takes a free one.
///
/// # Errors
/// The address cannot be bound.
pub async fn bind(host: IpAddr, port: u16) -> io::Result<TcpListener> {
    TcpListener::bind((host, port)).await
}

/// Serves until `context.shutdown` is cancelled, then drains for at most [`DRAIN_LIMIT`]. Health is `SERVING` until
/// then and `NOT_SERVING` from then on. HTTP handlers find the peer as `ConnectInfo<SocketAddr>`.
pub async fn serve(listener: TcpListener, server: Server, context: Context) -> Drain {
    serve_within(listener, server, context, DRAIN_LIMIT).await
}

/// [`serve`] with another limit to the drain.
pub async fn serve_within(listener: TcpListener, server: Server, context: Context, limit: Duration) -> Drain {
    let calls = TaskTracker::new();
    let (router, health) = match server {
        Server::Grpc(grpc) => {
            let (router, health) = grpc.build(context.name, calls.clone()).await;
            (router, Some(health))
        }
        Server::Http(router) => (router, None),
    };
    let connections = Connections::new(health.is_some(), &context.shutdown, &context.cut);
    let address = listener.local_addr().map(|address| address.to_string()).unwrap_or_default();
    tracing::info!(service = context.name, address, "serving");
    connections.accept(listener, router).await;

    let start = Instant::now();
    if let Some(health) = &health {
        health.stop().await;
    }
    let drain = async {
        calls.close();
        calls.wait().await;
        if let Some(health) = health {
            health.forget().await;
        }
        connections.wait().await;
        context.tasks.close();
        context.tasks.wait().await;
    };
    let drained = tokio::time::timeout(limit, drain).await;
    let duration_ms = start.elapsed().as_secs_f64() * 1e3;
    if drained.is_ok() {
        tracing::info!(service = context.name, duration_ms, "drained");
        return Drain::Clean;
    }
    let (connections_left, tasks_left) = (connections.len(), context.tasks.len());
    tracing::warn!(service = context.name, duration_ms, connections_left, tasks_left, "drain cut short");
    context.cut.cancel();
    // a handler that blocks its thread cannot be dropped, and is not waited for
    let _ = tokio::time::timeout(CUT_LIMIT, connections.wait()).await;
    Drain::Cut
}
