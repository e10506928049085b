//! The stand-ins for all providers, in this process, so that nothing they take is counted.
//!
//! The invariant: every request for a session that reaches OpenAI's stand-in is counted.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use anyhow::Context as _;
use axum::{
    extract::{Request, State},
    middleware::{Next, from_fn_with_state},
    response::Response,
};
use sandbox::Sandbox;

/// The stand-ins.
pub(crate) struct Upstream {
    /// Where they are.
    pub(crate) base: String,
    minted: Arc<AtomicU64>,
}

// === impl Upstream ===

impl Upstream {
    pub(crate) async fn start() -> anyhow::Result<Self> {
        let minted = Arc::new(AtomicU64::new(0));
        let router = Sandbox::open(None)?.providers().layer(from_fn_with_state(minted.clone(), count));
        let listener = chassis::bind([127, 0, 0, 1].into(), 0).await.context("no port for the stand-ins")?;
        let base = format!("http://{}", listener.local_addr()?);
        tokio::spawn(sandbox::serve(listener, router, std::future::pending::<()>()));
        Ok(Self { base, minted })
    }

    /// Sessions that it was asked for.
    pub(crate) fn minted(&self) -> u64 {
        self.minted.load(Ordering::Relaxed)
    }
}

async fn count(State(minted): State<Arc<AtomicU64>>, request: Request, next: Next) -> Response {
    if request.uri().path().ends_with("/chatkit/sessions") {
        minted.fetch_add(1, Ordering::Relaxed);
    }
    next.run(request).await
}
