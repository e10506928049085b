//! A mail server: takes letters as RFC 5321 wants them handed over, and refuses what it would have refused.
//!
//! Own work on sockets, since it has to fail when it is asked to. Faults of [`Provider::Smtp`] meet `CONNECT`, `RCPT` and
//! `LETTER` (the end of the data); a status is the reply code, but a random 503 is `421`. The invariant: a letter that was
//! answered `250` was taken.

mod letter;
mod session;

use tokio::net::{TcpListener, TcpStream};

use crate::{FaultKind, Provider, Sandbox};
use session::Session;

/// Largest letter that it takes, in bytes, as it tells in its greeting (RFC 1870).
pub const LONGEST_LETTER: usize = 1 << 20;

/// Serves mail until `shutdown`; talks that have begun are cut off.
pub async fn serve_mail(listener: TcpListener, sandbox: Sandbox, shutdown: impl Future<Output = ()>) {
    let mut talks = tokio::task::JoinSet::new();
    let mut shutdown = std::pin::pin!(shutdown);
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => {
                    talks.spawn(talk(stream, sandbox.clone()));
                }
                Err(error) => {
                    tracing::warn!(%error, "cannot accept a connection");
                    tokio::task::yield_now().await;
                }
            },
            Some(_) = talks.join_next() => {}
            () = &mut shutdown => return,
        }
    }
}

async fn talk(stream: TcpStream, sandbox: Sandbox) {
    // An end that nobody wished for is a client that left, or a fault that was asked for.
    let _ = Session::new(stream, sandbox).run().await;
}

impl Sandbox {
    /// The fault that this step of a talk meets.
    fn meet_in_mail(&self, step: &str) -> Option<FaultKind> {
        self.0.faults.meet(Provider::Smtp, step)
    }
}
