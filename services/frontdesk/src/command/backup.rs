//! `frontdesk backup`: everything that the services keep, in one file.
//!
//! The invariant: a file of this name is whole. It is written beside its place, synced, and then renamed.

pub(super) mod archive;
mod partial;

use std::{collections::BTreeMap, path::PathBuf};

use chassis::Link;
use jiff::Timestamp;
use proto::common::v1::{ExportRequest, ExportResponse, backup_service_client::BackupServiceClient};
use serde_json::{Value, json};
use tonic::Streaming;

use super::{Answer, Desk, Failure, indexes::SCHEMAS, progress::Progress, table};
use archive::{Header, Writer};
use partial::Target;

pub(super) const EXAMPLES: &str = "\
Examples:
  frontdesk backup frontdesk-2025-10-28.jsonl
  frontdesk backup - | age -r RECIPIENT > frontdesk.jsonl.age

Every document is in the file as it was at one moment, each service at a moment of its own within the command. What is \
written meanwhile may be in the file of one service and not of another; nothing is in it by halves. The file holds \
personal data: keep it like the books themselves, and let go of it in time.";

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The file; one of this name is replaced. `-` is the standard output
    #[arg(value_name = "FILE")]
    file: PathBuf,
}

/// What a service answers, from its second answer on.
struct Source {
    service: &'static str,
    first: Option<ExportResponse>,
    answers: Streaming<ExportResponse>,
}

pub(super) async fn run(desk: &Desk, args: Args) -> Result<Answer, Failure> {
    let taken_at = Timestamp::now();
    let mut sources = Vec::new();
    // All of them begin before the first one is written out, so that their moments are close together.
    for (service, _) in SCHEMAS {
        sources.push(Source::open(service, desk.link_to(service)?).await?);
    }
    let target = Target::open(&args.file)?;
    let schemas = sources.iter().map(|source| (source.service.to_owned(), source.schema())).collect();
    let mut writer = Writer::begin(target, &Header::new(taken_at, schemas)).map_err(unwritten)?;
    let mut progress = Progress::of("documents");
    for source in &mut sources {
        source.write_out(&mut writer, &mut progress).await?;
    }
    drop(progress);
    let (end, bytes, target) = writer.finish().map_err(unwritten)?;
    let to_stdout = target.is_stdout();
    target.keep().map_err(unwritten)?;
    let json = json!({
        "file": args.file.display().to_string(), "taken_at": taken_at.to_string(), "bytes": bytes,
        "sha256": end.sha256, "documents": end.documents,
    });
    if to_stdout {
        // The standard output is the file.
        return Ok(Answer::new(Value::Null, "").silent());
    }
    let text = table::fields([
        ("file", args.file.display().to_string()),
        ("documents", counted(&end.documents)),
        ("bytes", bytes.to_string()),
        ("sha256", end.sha256),
    ]);
    Ok(Answer::new(json, text))
}

/// How many documents of each service, in words.
pub(super) fn counted(documents: &BTreeMap<String, u64>) -> String {
    let of = documents.iter().map(|(service, count)| format!("{service} {count}"));
    of.collect::<Vec<_>>().join(", ")
}

/// What a failed write says.
fn unwritten(why: std::io::Error) -> Failure {
    Failure::Failed(format!("the file cannot be written: {why}"))
}

// === impl Source ===

impl Source {
    async fn open(service: &'static str, link: Link) -> Result<Self, Failure> {
        let failed = |status| Failure::of_call(service, &status);
        let answer = BackupServiceClient::new(link).export(ExportRequest {}).await.map_err(failed)?;
        let mut answers = answer.into_inner();
        let first = answers.message().await.map_err(failed)?;
        Ok(Self { service, first, answers })
    }

    fn schema(&self) -> u32 {
        self.first.as_ref().map(|first| first.schema_version).unwrap_or_default()
    }

    async fn write_out(
        &mut self,
        writer: &mut Writer<Target>,
        progress: &mut Progress,
    ) -> Result<(), Failure> {
        let failed = |status| Failure::of_call(self.service, &status);
        let mut next = self.first.take();
        while let Some(answer) = next {
            for document in &answer.documents {
                writer.document(self.service, document).map_err(unwritten)?;
            }
            progress.at(writer.documents(), None);
            next = self.answers.message().await.map_err(failed)?;
        }
        Ok(())
    }
}
