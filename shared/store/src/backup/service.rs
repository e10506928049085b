//! `BackupService` on the wire: decodes, calls, encodes.

use std::pin::Pin;

use domain::Fault;
use futures_util::{Stream, stream};
use proto::common::v1::{
    Document, ExportRequest, ExportResponse, ImportRequest, ImportResponse,
    backup_service_server::BackupService,
};
use tonic::{Request, Response, Status, Streaming};

use super::{Backup, Begun, Export, Refusal};
use crate::{Error, Record};

/// `BackupService`, the same for whoever keeps documents.
pub struct Service {
    backup: Backup,
    /// Called when a restore has ended: whoever waited for its end looks again.
    restored: Box<dyn Fn() + Send + Sync>,
}

// === impl Service ===

impl Service {
    /// Backups of one store.
    pub fn new(backup: Backup) -> Self {
        Self::waking(backup, || {})
    }

    /// Backups of a store in which some wait for the end of a restore.
    pub fn waking(backup: Backup, restored: impl Fn() + Send + Sync + 'static) -> Self {
        Self { backup, restored: Box::new(restored) }
    }
}

#[tonic::async_trait]
impl BackupService for Service {
    type ExportStream = Pin<Box<dyn Stream<Item = Result<ExportResponse, Status>> + Send>>;

    async fn export(&self, _: Request<ExportRequest>) -> Result<Response<Self::ExportStream>, Status> {
        let (export, schema_version) = (self.backup.export().await.map_err(failed)?, self.backup.schema());
        // The first answer tells the version even where there is nothing to tell besides.
        let pages = stream::unfold((Some(export), true), move |(export, first)| async move {
            match page(export?, schema_version, first).await {
                Ok((export, answer)) => Some((Ok(answer?), (export, false))),
                Err(status) => Some((Err(status), (None, false))),
            }
        });
        Ok(Response::new(Box::pin(pages)))
    }

    async fn import(
        &self,
        request: Request<Streaming<ImportRequest>>,
    ) -> Result<Response<ImportResponse>, Status> {
        let mut messages = request.into_inner();
        let Some(mut message) = messages.message().await? else {
            return Err(chassis::status::status(&Fault::invalid("backup_id", "backup_id must be an id")));
        };
        let backup_id = std::mem::take(&mut message.backup_id);
        if domain::id::check(&backup_id).is_err() {
            return Err(chassis::status::status(&Fault::invalid("backup_id", "backup_id must be an id")));
        }
        if message.check {
            let begun = self.backup.check(&backup_id, message.schema_version).await.map_err(refuse)?;
            let done = begun == Some(Begun::Done);
            return Ok(Response::new(ImportResponse { done, ..Default::default() }));
        }
        let begun = self.backup.begin(&backup_id, message.schema_version).await.map_err(refuse)?;
        let mut answer = ImportResponse { done: begun == Begun::Done, ..Default::default() };
        while !answer.done {
            let records = message.documents.into_iter().map(record).collect::<Result<_, _>>()?;
            let put = self.backup.put(&backup_id, records).await.map_err(refuse)?;
            answer.written += count(put.written);
            answer.known += count(put.known);
            answer.expired += count(put.expired);
            if message.last {
                self.backup.finish(&backup_id).await.map_err(refuse)?;
                answer.done = true;
                (self.restored)();
            }
            match messages.message().await? {
                Some(next) => message = next,
                None => break,
            }
        }
        Ok(Response::new(answer))
    }
}

/// The next answer; none after the last one.
async fn page(
    mut export: Export,
    schema_version: u32,
    first: bool,
) -> Result<(Option<Export>, Option<ExportResponse>), Status> {
    let records = export.next().await.map_err(failed)?;
    let is_end = records.is_empty();
    let answer = ExportResponse { schema_version, documents: records.into_iter().map(document).collect() };
    Ok(((!is_end).then_some(export), (first || !is_end).then_some(answer)))
}

fn document(record: Record) -> Document {
    Document {
        collection: record.collection,
        document_id: record.id,
        expire_time: record.expires_at.map(proto::time::wire),
        body: record.body,
    }
}

fn record(document: Document) -> Result<Record, Status> {
    let wrong = || chassis::status::status(&Fault::invalid("expire_time", "expire_time must be a time"));
    let read = |at| proto::time::read(at).ok_or_else(wrong);
    Ok(Record {
        collection: document.collection,
        id: document.document_id,
        expires_at: document.expire_time.map(read).transpose()?,
        body: document.body,
    })
}

fn count(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

fn refuse(refusal: Refusal) -> Status {
    if let Refusal::Store(error) = &refusal {
        tracing::error!(error = error as &dyn std::error::Error, "a restore fails");
    }
    chassis::status::status(&Fault::from(&refusal))
}

fn failed(error: Error) -> Status {
    tracing::error!(error = &error as &dyn std::error::Error, "a backup fails");
    chassis::status::status(&Fault::from(&error))
}
