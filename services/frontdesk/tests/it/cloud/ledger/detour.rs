//! A way to the spreadsheet that keeps a batch to itself: the connection breaks, and the batch arrives when it is told to.

use std::{
    io,
    pin::Pin,
    sync::{Arc, Mutex},
    task::{Context, Poll},
};

use axum::{
    body::{Body, Bytes},
    extract::Request,
    middleware::Next,
    response::Response,
};
use hyper::body::Frame;
use serde_json::Value;
use tokio::{sync::oneshot, time::timeout};

use crate::world::PATIENCE;

/// Takes the next batch of rows, once somebody has asked for that.
#[derive(Clone, Default)]
pub(super) struct Detour(Arc<Mutex<Option<Trap>>>);

struct Trap {
    taken: oneshot::Sender<Taken>,
    go: oneshot::Receiver<()>,
    came: oneshot::Sender<u16>,
}

/// A batch that was taken.
#[derive(Clone, Copy, Debug)]
pub(super) struct Taken {
    /// Whose it was.
    pub(super) writer: usize,
    pub(super) number: i64,
}

/// A batch that is, or will be, on its way for long.
pub(super) struct Late {
    taken: Option<oneshot::Receiver<Taken>>,
    go: oneshot::Sender<()>,
    came: oneshot::Receiver<u16>,
}

/// An answer's body that breaks off, and its connection with it.
struct Broken;

/// Number and value of the metadata that a batch creates first.
pub(super) fn mark(batch: &Value) -> Option<(i64, &str)> {
    let metadata = &batch["requests"][0]["createDeveloperMetadata"]["developerMetadata"];
    Some((metadata["metadataId"].as_i64()?, metadata["metadataValue"].as_str()?))
}

// === impl Detour ===

impl Detour {
    /// The next batch of rows is taken, whoever sends it.
    pub(super) fn arm(&self) -> Late {
        let (taken, is_taken) = oneshot::channel();
        let (go, goes) = oneshot::channel();
        let (came, has_come) = oneshot::channel();
        *self.0.lock().unwrap() = Some(Trap { taken, go: goes, came });
        Late { taken: Some(is_taken), go, came: has_come }
    }

    /// Takes a batch of `writer`'s if one is to be taken: what its sender gets is an answer that breaks off.
    pub(super) fn take(
        &self,
        writer: usize,
        request: &Request,
        body: &Bytes,
        next: &Next,
    ) -> Option<Response> {
        let batch: Value = serde_json::from_slice(body).ok()?;
        let (number, _) = mark(&batch).filter(|(_, value)| value.ends_with(":rows"))?;
        let Trap { taken, go, came } = self.0.lock().unwrap().take()?;
        let mut later = Request::new(Body::from(body.clone()));
        (*later.method_mut(), *later.uri_mut()) = (request.method().clone(), request.uri().clone());
        later.headers_mut().clone_from(request.headers());
        later.extensions_mut().clone_from(request.extensions());
        let next = next.clone();
        tokio::spawn(async move {
            // A test that ended has no use for it.
            if go.await.is_ok() {
                let answer = next.run(later).await;
                let _ = came.send(answer.status().as_u16());
            }
        });
        let _ = taken.send(Taken { writer, number });
        Some(Response::new(Body::new(Broken)))
    }
}

impl hyper::body::Body for Broken {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        Poll::Ready(Some(Err(io::ErrorKind::ConnectionReset.into())))
    }
}

// === impl Late ===

impl Late {
    /// Waits until a batch is taken.
    pub(super) async fn taken(&mut self) -> Taken {
        let taken = self.taken.take().expect("a batch is taken once");
        timeout(PATIENCE, taken).await.expect("a batch of rows comes").unwrap()
    }

    /// Lets it arrive; the status that it is answered with.
    pub(super) async fn arrive(self) -> u16 {
        self.go.send(()).unwrap();
        timeout(PATIENCE, self.came).await.expect("it arrives").unwrap()
    }
}
