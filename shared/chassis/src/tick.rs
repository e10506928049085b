//! What a service does by the clock: the body of `OperationsService.Tick`, and its door `POST /internal/tick`.
//!
//! Whoever keeps the time (a scheduler in the cloud, `frontdesk` elsewhere) knocks every minute, over gRPC or over
//! HTTP, and both run the same function. The invariant: in one process a tick runs once at a time; who comes while it
//! runs waits for it and gets its answer, and a caller who hangs up does not end it.

use std::{
    collections::BTreeMap,
    fmt,
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
};

use axum::{
    Json, Router,
    extract::State,
    http::StatusCode,
    response::{IntoResponse as _, Response},
    routing::post,
};
use domain::Fault;
use futures_util::{
    FutureExt as _,
    future::{BoxFuture, Shared},
};
use serde::Serialize;
use tracing::Instrument as _;

use crate::{Context, status::http_status, telemetry};

/// Where a scheduler knocks.
pub const PATH: &str = "/internal/tick";

/// What a tick did.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Ticked {
    /// So many of a kind, e.g. `threads`; kinds that had nothing to do are left out.
    pub done: BTreeMap<String, i64>,
    /// There is more to do at once.
    pub more: bool,
}

/// A service's tick. Clones share one.
#[derive(Clone)]
pub struct Tick(Arc<Inner>);

type Outcome = Result<Ticked, Fault>;
type Work = dyn Fn() -> Pin<Box<dyn Future<Output = Outcome> + Send>> + Send + Sync;

struct Inner {
    work: Box<Work>,
    running: Mutex<Option<Shared<BoxFuture<'static, Outcome>>>>,
    ctx: Context,
}

// === impl Ticked ===

impl Ticked {
    /// Counts `number` more of a kind; nothing is left out.
    pub fn count(&mut self, kind: &str, number: i64) {
        if number != 0 {
            *self.done.entry(kind.to_owned()).or_default() += number;
        }
    }
}

// === impl Tick ===

impl Tick {
    /// The tick of a service; `work` does a bounded portion of what is due. It runs as a task of `ctx`.
    pub fn new<F, Fut>(ctx: &Context, work: F) -> Self
    where
        F: Fn() -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Outcome> + Send + 'static,
    {
        let work = Box::new(move || Box::pin(work()) as Pin<Box<dyn Future<Output = Outcome> + Send>>);
        Self(Arc::new(Inner { work, running: Mutex::default(), ctx: ctx.clone() }))
    }

    /// Does what is due, or waits for the run that is under way and answers the same.
    ///
    /// # Errors
    /// What kept the service from it; what was done until then stays done.
    pub async fn run(&self) -> Result<Ticked, Fault> {
        let run = {
            let mut running = self.0.running.lock().unwrap_or_else(PoisonError::into_inner);
            match running.as_ref().filter(|run| run.peek().is_none()) {
                Some(run) => run.clone(),
                None => {
                    let run = self.begin();
                    *running = Some(run.clone());
                    run
                }
            }
        };
        run.await
    }

    fn begin(&self) -> Shared<BoxFuture<'static, Outcome>> {
        let work = (self.0.work)();
        let (tell, told) = tokio::sync::oneshot::channel();
        // a task of its own: no caller's deadline or departure ends it
        self.0.ctx.spawn(
            async move {
                // fails only when everybody who asked has gone
                let _ = tell.send(work.await);
            }
            .in_current_span(),
        );
        // a task that panicked, or that a drain has cut, tells nothing
        told.map(|told| told.unwrap_or_else(|_| Err(Fault::internal()))).boxed().shared()
    }

    /// The door, for the server of service `name`.
    pub(crate) fn door(self, name: &'static str) -> Router {
        Router::new().route(PATH, post(answer)).layer(telemetry::http_layer(name)).with_state(self)
    }
}

impl fmt::Debug for Tick {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Tick")
    }
}

/// Counts as JSON; a failure is told by its status, so that a scheduler shows it.
async fn answer(State(tick): State<Tick>) -> Response {
    match tick.run().await {
        Ok(ticked) => (StatusCode::OK, Json(ticked)).into_response(),
        Err(fault) => {
            let error = serde_json::json!({ "error": fault.message });
            (http_status(fault.kind), Json(error)).into_response()
        }
    }
}
