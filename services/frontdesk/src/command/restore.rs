//! `frontdesk restore`: puts a backup into empty stores.
//!
//! The invariant: nothing is written before the whole file was found to be sound and every service takes it; after
//! that, it may be interrupted anywhere and be done again.

mod source;

use std::{collections::BTreeMap, path::PathBuf};

use chassis::Link;
use proto::common::v1::{
    Document, ImportRequest, ImportResponse, backup_service_client::BackupServiceClient,
};
use serde_json::json;

use super::{
    Answer, Desk, Failure,
    backup::{
        archive::{Line, Next},
        counted,
    },
    indexes::SCHEMAS,
    progress::Progress,
    table,
};
use source::{Checked, Source};

pub(super) const EXAMPLES: &str = "\
Examples:
  frontdesk restore frontdesk-2025-10-28.jsonl
  age -d frontdesk.jsonl.age | frontdesk restore -

It wants empty stores: a new directory or database. End the system of before, and let nobody in until it is done; rows \
wait that long. Interrupted, it goes on when it is run again with the same file. The spreadsheet may have gone on since \
the backup was taken: batches then go on with new numbers, and events that are sent again change the lines that stand. \
Who was erased after the backup was taken is back, and has to be erased again.";

/// Documents of one message and of one call, and bytes of both.
const MESSAGE: usize = 500;
const MESSAGE_BYTES: usize = 1 << 20;
const CALL: usize = 8;

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The file; `-` is the standard input
    #[arg(value_name = "FILE")]
    file: PathBuf,
}

/// What became of a service's documents.
#[derive(Clone, Copy, Debug, Default)]
struct Sum {
    written: i64,
    known: i64,
    expired: i64,
}

pub(super) async fn run(desk: &Desk, args: Args) -> Result<Answer, Failure> {
    let mut source = Source::open(&args.file)?;
    let checked = source.check()?;
    let known: BTreeMap<&str, u32> = SCHEMAS.iter().map(|(name, schema)| (*name, schema.version)).collect();
    checked.fits(&known)?;
    let mut services = BTreeMap::new();
    for service in known.keys().filter(|service| checked.header.schemas.contains_key(**service)) {
        let mut way = Way::new(service, desk.link_to(service)?, &checked);
        way.ask().await?;
        services.insert((*service).to_owned(), way);
    }
    let mut progress = Progress::of("documents");
    let of = checked.end.documents.values().sum();
    let (mut lines, mut done) = (source.lines()?, 0);
    while let Next::Document(line) = lines.next().map_err(|why| source::unsound(&args.file, &why))? {
        if let Some(way) = services.get_mut(&line.service) {
            way.take(*line).await?;
        }
        done += 1;
        progress.at(done, Some(of));
    }
    for way in services.values_mut() {
        way.finish().await?;
    }
    drop(progress);
    Ok(answer(&args, &checked, &services))
}

fn answer(args: &Args, checked: &Checked, services: &BTreeMap<String, Way>) -> Answer {
    let sum = |of: fn(&Sum) -> i64| services.values().map(|way| of(&way.sum)).sum::<i64>();
    let (written, known, expired) = (sum(|sum| sum.written), sum(|sum| sum.known), sum(|sum| sum.expired));
    let again = services.values().all(|way| way.was_done);
    let json = json!({
        "file": args.file.display().to_string(), "taken_at": checked.header.taken_at.to_string(),
        "written": written, "known": known, "expired": expired, "was_done": again,
        "documents": checked.end.documents,
    });
    if again {
        return Answer::new(json, "this backup was restored before; nothing was written");
    }
    let fields = table::fields([
        ("taken at", checked.header.taken_at.to_string()),
        ("documents", counted(&checked.end.documents)),
        ("written", written.to_string()),
        ("there already", known.to_string()),
        ("expired", expired.to_string()),
    ]);
    let erased = "who was erased since then is back: erase them again";
    Answer::new(json, format!("{fields}\n\n{erased}"))
}

/// The way into one service's store.
struct Way {
    service: &'static str,
    client: BackupServiceClient<Link>,
    backup_id: String,
    schema_version: u32,
    waiting: Vec<ImportRequest>,
    bytes: usize,
    was_done: bool,
    sum: Sum,
}

// === impl Way ===

impl Way {
    fn new(service: &'static str, link: Link, checked: &Checked) -> Self {
        Self {
            service,
            client: BackupServiceClient::new(link),
            backup_id: checked.end.sha256.clone(),
            schema_version: checked.header.schemas.get(service).copied().unwrap_or_default(),
            waiting: Vec::new(),
            bytes: 0,
            was_done: false,
            sum: Sum::default(),
        }
    }

    /// Whether the service takes the backup; nothing is written.
    async fn ask(&mut self) -> Result<(), Failure> {
        let request = ImportRequest { check: true, ..self.message() };
        self.was_done = self.call(vec![request]).await?.done;
        Ok(())
    }

    async fn take(&mut self, line: Line) -> Result<(), Failure> {
        if self.was_done {
            return Ok(());
        }
        let body = line.body.to_string();
        let is_full = |message: &ImportRequest, bytes: usize| {
            message.documents.len() == MESSAGE || bytes > MESSAGE_BYTES
        };
        if self.waiting.last().is_none_or(|message| is_full(message, self.bytes)) {
            if self.waiting.len() == CALL {
                self.send().await?;
            }
            let message = self.message();
            self.waiting.push(message);
            self.bytes = 0;
        }
        self.bytes += body.len();
        let expire_time = line.expires_at.map(|at| prost_types::Timestamp {
            seconds: at.as_millisecond().div_euclid(1_000),
            nanos: i32::try_from(at.as_millisecond().rem_euclid(1_000) * 1_000_000).unwrap_or_default(),
        });
        let document = Document { collection: line.collection, document_id: line.id, expire_time, body };
        if let Some(message) = self.waiting.last_mut() {
            message.documents.push(document);
        }
        Ok(())
    }

    /// Sends the rest, and says that it is the rest.
    async fn finish(&mut self) -> Result<(), Failure> {
        if self.was_done {
            return Ok(());
        }
        let last = ImportRequest { last: true, ..self.message() };
        self.waiting.push(last);
        self.send().await
    }

    async fn send(&mut self) -> Result<(), Failure> {
        let messages = std::mem::take(&mut self.waiting);
        let answer = self.call(messages).await?;
        self.sum.written += answer.written;
        self.sum.known += answer.known;
        self.sum.expired += answer.expired;
        Ok(())
    }

    async fn call(&mut self, messages: Vec<ImportRequest>) -> Result<ImportResponse, Failure> {
        let answer = self.client.import(tokio_stream::iter(messages)).await;
        answer.map(tonic::Response::into_inner).map_err(|status| {
            match Failure::of_call(self.service, &status) {
                Failure::Failed(why) => Failure::Failed(format!("{}: {why}", self.service)),
                other => other,
            }
        })
    }

    fn message(&self) -> ImportRequest {
        ImportRequest {
            backup_id: self.backup_id.clone(),
            schema_version: self.schema_version,
            ..Default::default()
        }
    }
}
