//! What a call inward carries on of the request that caused it.
//!
//! `rmcp` runs a handler in a task of its own, where none of that is known. The invariant: there as here, a call inward
//! has the request's id, its deadline and its trace.

use std::time::Duration;

use chassis::{deadline, request_id};
use tracing::{Instrument as _, Span};

/// Id, deadline and span of a request.
pub(super) struct Inward {
    request_id: String,
    left: Duration,
    span: Span,
}

// === impl Inward ===

impl Inward {
    /// Those of the request that this task serves.
    pub(super) fn here(longest: Duration) -> Self {
        let request_id = request_id::current().unwrap_or_else(request_id::make);
        Self { request_id, left: deadline::clamp(longest), span: Span::current() }
    }

    /// Runs `work` on its behalf.
    pub(super) async fn run<F: Future>(&self, work: F) -> F::Output {
        let work = deadline::within(self.left, work);
        request_id::scope(self.request_id.clone(), work).instrument(self.span.clone()).await
    }
}
