//! What surrounds one request: its span, deadline and id, for as long as its answer is being made.
//!
//! A streamed answer is made after the handler has returned. The invariant: handler and body run under the same span,
//! deadline and id, and the report is written once, when both are over.

use std::{
    future::{Future, poll_fn},
    pin::{Pin, pin},
    sync::Arc,
    task::{Context, Poll},
    time::Instant,
};

use ::http::HeaderMap;
use axum::body::{Body, Bytes};
use hyper::body::{Frame, SizeHint};
use tracing::Span;

use crate::{deadline, request_id};

/// The surroundings of one request.
#[derive(Clone, Debug)]
pub(crate) struct Scope {
    pub(crate) span: Span,
    pub(crate) deadline: Option<Instant>,
    pub(crate) request_id: Arc<str>,
}

// === impl Scope ===

impl Scope {
    /// Runs `work` in these surroundings.
    pub(crate) fn within<T>(&self, work: impl FnOnce() -> T) -> T {
        let work = || request_id::sync_scope(self.request_id.clone(), work);
        self.span.in_scope(|| deadline::sync_scope(self.deadline, work))
    }

    /// Runs `future` in these surroundings.
    pub(crate) async fn hold<F: Future>(&self, future: F) -> F::Output {
        let mut future = pin!(future);
        poll_fn(|context| self.within(|| future.as_mut().poll(context))).await
    }
}

/// What is to be told about a request; told when dropped.
pub(crate) trait Report: Send + Unpin + 'static {
    /// Takes note of the answer's trailers.
    fn trailers(&mut self, trailers: &HeaderMap);
    /// Takes note of the answer's end.
    fn end(&mut self);
}

/// An answer's body within its request's scope.
pub(crate) struct Observed<R> {
    body: Body,
    scope: Scope,
    report: R,
}

// === impl Observed ===

impl<R: Report> Observed<R> {
    pub(crate) fn wrap(body: Body, scope: Scope, report: R) -> Body {
        Body::new(Self { body, scope, report })
    }
}

impl<R: Report> hyper::body::Body for Observed<R> {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let Self { body, scope, report } = &mut *self;
        let polled = scope.within(|| Pin::new(body).poll_frame(context));
        match &polled {
            Poll::Ready(Some(Ok(frame))) => {
                if let Some(trailers) = frame.trailers_ref() {
                    report.trailers(trailers);
                }
            }
            Poll::Ready(None) => report.end(),
            _ => {}
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
