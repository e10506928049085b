//! Events as a browser reads them: `data: {json}` and an empty line, each sent on as soon as it is there.
//!
//! The invariant: a stream that has begun ends whole. What breaks it, a service that fails or a process that leaves,
//! is told as one last `error` event, after which the visitor may try again.

use std::{pin::Pin, time::Duration};

use axum::http::HeaderName;
use bytes::{Bytes, BytesMut};
use futures_util::{Stream, StreamExt as _, stream};
use proto::chat::v1::{ProcessResponse, process_response::Frame};
use tokio_util::sync::CancellationToken;
use tonic::Status;

use super::SERVICE;
use crate::error;

/// Header that keeps proxies from collecting events.
pub(super) const ACCEL_BUFFERING: HeaderName = HeaderName::from_static("x-accel-buffering");
/// When a leaving process breaks off its streams: two seconds before it is dropped.
const PATIENCE: Duration = Duration::from_secs(6);
const BROKEN: &[u8] = br#"{"type":"error","code":"stream.error","allow_retry":true}"#;

/// Resolves when streams have to come to their end.
pub(super) async fn cut(shutdown: CancellationToken) {
    shutdown.cancelled_owned().await;
    tokio::time::sleep(PATIENCE).await;
}

/// The frames of a stream that begins with `first`.
pub(super) fn of(
    first: Bytes,
    rest: impl Stream<Item = Result<ProcessResponse, Status>> + Send + 'static,
    cut: impl Future<Output = ()> + Send + 'static,
) -> impl Stream<Item = Bytes> + Send {
    let source = Source { rest: Box::pin(rest), cut: Box::pin(cut) };
    let rest = stream::unfold(Some(source), |source| async {
        let mut source = source?;
        match source.next().await {
            Next::Event(json) => Some((frame(&json), Some(source))),
            Next::End => None,
            Next::Broken => Some((frame(BROKEN), None)),
        }
    });
    stream::once(std::future::ready(frame(&first))).chain(rest)
}

/// What is still to come.
struct Source {
    rest: Pin<Box<dyn Stream<Item = Result<ProcessResponse, Status>> + Send>>,
    cut: Pin<Box<dyn Future<Output = ()> + Send>>,
}

enum Next {
    Event(Bytes),
    End,
    Broken,
}

// === impl Source ===

impl Source {
    async fn next(&mut self) -> Next {
        let next = tokio::select! {
            biased;
            next = self.rest.next() => next,
            () = &mut self.cut => return Next::Broken,
        };
        match next.map(|answer| answer.map(|response| response.frame)) {
            None => Next::End,
            Some(Ok(Some(Frame::Event(json)))) => Next::Event(json),
            Some(Ok(_)) => {
                tracing::error!(peer.service = SERVICE, "answered something else than an event");
                Next::Broken
            }
            Some(Err(status)) => {
                // It logs; a stream that has begun has no status left to tell.
                let _ = error::fault(SERVICE, &status);
                Next::Broken
            }
        }
    }
}

fn frame(json: &[u8]) -> Bytes {
    let mut frame = BytesMut::with_capacity(json.len() + 8);
    frame.extend_from_slice(b"data: ");
    frame.extend_from_slice(json);
    frame.extend_from_slice(b"\n\n");
    frame.freeze()
}

#[cfg(test)]
mod tests {
    use std::future::{pending, ready};

    use super::*;

    const LAST: &str = "data: {\"type\":\"error\",\"code\":\"stream.error\",\"allow_retry\":true}\n\n";

    fn event(json: &'static str) -> Result<ProcessResponse, Status> {
        Ok(ProcessResponse { frame: Some(Frame::Event(json.into())) })
    }

    async fn text(frames: impl Stream<Item = Bytes>) -> String {
        let frames: Vec<_> = frames.collect().await;
        String::from_utf8(frames.concat()).unwrap()
    }

    #[tokio::test]
    async fn events_are_framed_and_nothing_else() {
        let rest = stream::iter([event(r#"{"b":2}"#), event("{}")]);
        assert_eq!(
            text(of(r#"{"a":1}"#.into(), rest, pending())).await,
            "data: {\"a\":1}\n\ndata: {\"b\":2}\n\ndata: {}\n\n"
        );
    }

    #[tokio::test]
    async fn what_breaks_a_stream_is_its_last_event() {
        let result = Ok(ProcessResponse { frame: Some(Frame::Result("{}".into())) });
        for broken in [Err(Status::internal("canary")), Ok(ProcessResponse { frame: None }), result] {
            let rest = stream::iter([broken, event("{}")]);
            assert_eq!(text(of("{}".into(), rest, pending())).await, format!("data: {{}}\n\n{LAST}"));
        }
    }

    #[tokio::test]
    async fn a_process_that_leaves_says_so() {
        let silent = stream::pending();
        assert_eq!(text(of("{}".into(), silent, ready(()))).await, format!("data: {{}}\n\n{LAST}"));
        // What is there goes out first.
        let rest = stream::iter([event("{}")]);
        assert_eq!(text(of("{}".into(), rest, ready(()))).await, "data: {}\n\ndata: {}\n\n");
    }
}
