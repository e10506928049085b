//! What can happen to a call on its way, and to which.

use std::{
    future::{pending, ready},
    io,
    pin::Pin,
    sync::Mutex,
};

use axum::{body::Body, http::HeaderMap};
use hyper::Response;
use tokio_util::sync::CancellationToken;

use super::lock;

/// Something that is done or waited for; it begins when it is its turn.
pub(crate) type Meanwhile = Pin<Box<dyn Future<Output = ()> + Send>>;

/// What happens to a call.
pub(crate) enum Mishap {
    /// It is answered, to the last byte; then this is done; then the call ends without the answer.
    LoseAnswer(Meanwhile, End),
    /// As above, but an answer that says no is passed on, and the next call that holds this meets it instead.
    LoseSuccess(&'static str, Meanwhile, End),
    /// Nobody hears of it; this is done; then the call ends.
    LoseRequest(Meanwhile, End),
    /// The call ends at once, and is delivered nevertheless, when this is over.
    DeliverLate(Meanwhile, End),
    /// It is delivered and answered when this is over.
    Delay(Meanwhile),
}

/// How a call ends that is not answered.
#[derive(Clone, Copy, Debug)]
pub(crate) enum End {
    /// Its stream is reset.
    Reset,
    /// Its connection closes, with all that is on it.
    Close,
    /// Nothing is ever heard of it.
    Silence,
}

/// What became of a call that met a mishap.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    /// It was answered with this gRPC status, which its client never saw.
    AnswerLost(Option<i32>),
    /// Nobody heard of it.
    RequestLost,
    /// It was delivered after its client had been left alone, and answered with this gRPC status.
    DeliveredLate(Option<i32>),
}

/// The mishaps to come.
#[derive(Default)]
pub(super) struct Rules(Mutex<Plan>);

#[derive(Default)]
struct Plan {
    next: Vec<(Match, Mishap)>,
    every: Option<Every>,
}

struct Match {
    /// Which of the calls that match.
    nth: u64,
    path: String,
    needle: String,
}

struct Every {
    nth: u64,
    seen: u64,
    path: String,
    mishap: fn() -> Mishap,
}

/// Nothing to do meanwhile.
pub(crate) fn nothing() -> Meanwhile {
    Box::pin(ready(()))
}

/// The gRPC status among headers or trailers.
pub(super) fn grpc_status(headers: &HeaderMap) -> Option<i32> {
    headers.get("grpc-status")?.to_str().ok()?.parse().ok()
}

// === impl End ===

impl End {
    pub(super) async fn come(self, connection: &CancellationToken) -> io::Result<Response<Body>> {
        match self {
            Self::Reset => Err(io::ErrorKind::ConnectionReset.into()),
            Self::Close => {
                connection.cancel();
                pending().await
            }
            Self::Silence => pending().await,
        }
    }
}

// === impl Rules ===

impl Rules {
    pub(super) fn nth(&self, nth: u64, path: &str, needle: &str, mishap: Mishap) {
        let rule = Match { nth, path: path.to_owned(), needle: needle.to_owned() };
        lock(&self.0).next.push((rule, mishap));
    }

    pub(super) fn every(&self, nth: u64, path: &str, mishap: fn() -> Mishap) {
        lock(&self.0).every = Some(Every { nth, seen: 0, path: path.to_owned(), mishap });
    }

    pub(super) fn unmet(&self) -> usize {
        lock(&self.0).next.len()
    }

    /// Whether a call of this path may meet something.
    pub(super) fn watch(&self, path: &str) -> bool {
        let plan = lock(&self.0);
        let every = plan.every.as_ref().is_some_and(|every| path.ends_with(&every.path));
        every || plan.next.iter().any(|(rule, _)| path.ends_with(&rule.path))
    }

    /// What a call meets.
    pub(super) fn mishap(&self, path: &str, request: &[u8]) -> Option<Mishap> {
        let mut plan = lock(&self.0);
        let hits = |rule: &Match| path.ends_with(&rule.path) && holds(request, rule.needle.as_bytes());
        if let Some(at) = plan.next.iter().position(|(rule, _)| hits(rule)) {
            let rule = &mut plan.next[at].0;
            rule.nth -= 1;
            return (rule.nth == 0).then(|| plan.next.remove(at).1);
        }
        let every = plan.every.as_mut().filter(|every| path.ends_with(&every.path))?;
        every.seen += 1;
        every.seen.is_multiple_of(every.nth).then(every.mishap)
    }
}

fn holds(request: &[u8], needle: &[u8]) -> bool {
    needle.is_empty() || request.windows(needle.len()).any(|bytes| bytes == needle)
}
