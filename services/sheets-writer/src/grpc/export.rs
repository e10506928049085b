//! An export on the wire: one JSON document, piece by piece.
//!
//! Its rows stand in a line each. The invariant: a stream that ends without a failure was the whole document.

use std::{panic::AssertUnwindSafe, pin::Pin, sync::Arc};

use domain::Fault;
use futures_util::FutureExt as _;
use proto::sheets::v1::ExportContactResponse;
use serde_json::{Map, Value};
use store::Store;
use tokio::sync::mpsc::{self, Sender};
use tokio_stream::{Stream, wrappers::ReceiverStream};
use tonic::Status;

use super::{Books, status};
use crate::{
    error::{Error, contact_unknown},
    people,
};

/// About as long is a piece, unless it is one longer row.
const PIECE: usize = 64 << 10;
/// Pieces that wait for a slow listener.
const WAITING: usize = 4;

type Piece = Result<ExportContactResponse, Status>;

/// The document, as it is written.
pub(super) type Pieces = Pin<Box<dyn Stream<Item = Piece> + Send>>;

impl Books {
    /// Exports a contact for as long as somebody listens. The first piece comes before the contact's rows are read,
    /// which may take longer than a caller waits for an answer to begin.
    pub(super) async fn export(&self, contact_id: String) -> Result<Pieces, Error> {
        people::get(&*self.store, &contact_id).await?.ok_or_else(contact_unknown)?;
        let (out, pieces) = mpsc::channel(WAITING);
        let store = self.store.clone();
        tokio::spawn(async move {
            let document = Document { text: b"{".to_vec(), out: out.clone() };
            let telling = AssertUnwindSafe(tell(store, contact_id, document)).catch_unwind();
            tokio::select! {
                told = telling => if told.is_err() {
                    // It panicked, and whoever listens would take what they have for the whole.
                    let _ = out.send(Err(status(Fault::internal().into()))).await;
                },
                () = out.closed() => {}
            }
        });
        Ok(Box::pin(ReceiverStream::new(pieces)))
    }
}

async fn tell(store: Arc<dyn Store>, contact_id: String, mut document: Document) {
    let told = async {
        document.send().await?;
        match people::export(&*store, &contact_id).await {
            Ok(Value::Object(export)) => document.write(export).await,
            Ok(_) => unreachable!("an export is an object"),
            Err(error) => document.out.send(Err(status(error))).await.map_err(|_| Left),
        }
    };
    let told: Result<(), Left> = told.await;
    if told.is_err() {
        tracing::debug!("nobody listens to an export any more");
    }
}

/// Nobody listens any more.
struct Left;

/// A document that is being written.
struct Document {
    text: Vec<u8>,
    out: Sender<Piece>,
}

// === impl Document ===

impl Document {
    /// Writes what follows the opening brace.
    async fn write(&mut self, members: Map<String, Value>) -> Result<(), Left> {
        let mut between = "";
        for (name, value) in members {
            self.text.extend(format!("{between}{}:", Value::from(name)).bytes());
            between = ",\n";
            match value {
                Value::Array(entries) => self.write_all(entries).await?,
                value => self.text.extend(value.to_string().bytes()),
            }
        }
        self.text.extend(b"}\n");
        self.send().await
    }

    async fn write_all(&mut self, entries: Vec<Value>) -> Result<(), Left> {
        let mut between = "[\n";
        if entries.is_empty() {
            self.text.push(b'[');
        }
        for entry in entries {
            self.text.extend(format!("{between}{entry}").bytes());
            between = ",\n";
            if self.text.len() >= PIECE {
                self.send().await?;
            }
        }
        self.text.push(b']');
        Ok(())
    }

    async fn send(&mut self) -> Result<(), Left> {
        let document = std::mem::take(&mut self.text).into();
        self.out.send(Ok(ExportContactResponse { document })).await.map_err(|_| Left)
    }
}
