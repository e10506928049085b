//! One instance behind a relay.

use std::{
    net::SocketAddr,
    sync::atomic::{AtomicU64, Ordering},
};

use axum::body::Body;
use hyper::client::conn::http2::{SendRequest, handshake};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::{net::TcpStream, sync::Mutex};

pub(super) struct Upstream {
    address: SocketAddr,
    made: Mutex<Option<SendRequest<Body>>>,
    served: AtomicU64,
}

impl Upstream {
    pub(super) fn new(address: SocketAddr) -> Self {
        Self { address, made: Mutex::new(None), served: AtomicU64::new(0) }
    }

    pub(super) fn served(&self) -> u64 {
        self.served.load(Ordering::Relaxed)
    }

    /// Where to send a request; none when nobody listens there.
    pub(super) async fn sender(&self) -> Option<SendRequest<Body>> {
        let mut made = self.made.lock().await;
        if made.as_ref().is_none_or(SendRequest::is_closed) {
            *made = self.connect().await;
        }
        self.served.fetch_add(u64::from(made.is_some()), Ordering::Relaxed);
        made.clone()
    }

    async fn connect(&self) -> Option<SendRequest<Body>> {
        let stream = TcpStream::connect(self.address).await.ok()?;
        stream.set_nodelay(true).ok()?;
        let (sender, connection) = handshake(TokioExecutor::new(), TokioIo::new(stream)).await.ok()?;
        // Its end is seen by whoever sends next.
        tokio::spawn(async move { connection.await.ok() });
        Some(sender)
    }
}
