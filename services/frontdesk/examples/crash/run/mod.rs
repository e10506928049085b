//! A crash proof: the real binary is killed again and again, and its spreadsheet must not show it.
//!
//! The stand-in for Sheets lives in the process that runs this, so it survives every kill, throws faults by dice, keeps
//! its quota, and remembers what it really applied. A sender delivers the same events as a [`reference`] got in order
//! and once, but late, twice, mixed up, and until each is acknowledged. The invariant: what decides is the
//! spreadsheet, the truth of the stand-in and the acknowledgements; nothing that the killed process says of itself.

mod books;
mod desk;
mod lives;
mod reference;
mod sender;
mod story;
#[cfg(test)]
mod tests;
mod verdict;

use std::{
    fmt,
    path::PathBuf,
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::Context as _;
use sandbox::Sandbox;

use self::{
    books::Books,
    desk::Desk,
    lives::{Life, Lives},
    sender::Sender,
    verdict::Evidence,
};

/// How long what must come may take. Backoffs after storms grow to a minute.
const PATIENCE: Duration = Duration::from_secs(150);

/// What to run.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    /// The program.
    pub(crate) frontdesk: PathBuf,
    /// Processes that are killed.
    pub(crate) kills: usize,
    /// Events that are sent.
    pub(crate) events: usize,
    /// Where all dice begin.
    pub(crate) seed: u64,
    /// Writes and reads a minute that the stand-in for Sheets grants; Google's are 60 and 60.
    pub(crate) quota: usize,
}

/// What came of it.
#[derive(Debug)]
pub(crate) struct Outcome {
    /// All that is wrong; nothing is how it should be.
    pub(crate) wrong: Vec<String>,
    summary: String,
}

/// A stand-in for Sheets that outlives every writer.
struct Sheets {
    sandbox: Sandbox,
    url: String,
}

/// Runs the plan; `told` is told of each life that ended.
pub(crate) async fn run(plan: &Plan, told: impl Fn(&Life)) -> anyhow::Result<Outcome> {
    let begin = Instant::now();
    let story = Arc::new(story::write(plan.seed, plan.events));
    let reference = tokio::spawn(reference::run(plan.frontdesk.clone(), story.clone()));
    let sheets = Sheets::serve(plan.quota).await?;
    let dir = tempfile::tempdir().context("no directory for the books")?;
    let sender = Sender::new(story, plan.seed);
    let lives = Lives { plan, sheets: &sheets, dir: dir.path(), sender: &sender };
    let lives = lives.run(told).await?;

    sheets.sandbox.clear_faults();
    let desk = Desk::start(&plan.frontdesk, dir.path(), &sheets.url, None).await?;
    let desk = desk.context("frontdesk does not start after its kills")?;
    sender.send_everything(&desk).await?;
    desk.drained(PATIENCE).await?;
    let reference = reference.await.context("the reference panicked")??;
    let evidence = Evidence {
        books: Books::read(&sheets.sandbox),
        reference,
        sent: sender.sent(),
        acknowledged: sender.acknowledged(),
        applied: sheets.sandbox.applied(0),
        lives,
    };
    let summary =
        format!("{}\n{}\n{}", evidence.figures(begin.elapsed()), sender.figures(), sheets.figures());
    Ok(Outcome { wrong: evidence.judge(), summary })
}

// === impl Outcome ===

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.summary)?;
        match self.wrong.len() {
            0 => write!(f, "every acknowledged event stands once, and all is as in the reference"),
            some => write!(f, "{some} things are wrong:\n  {}", self.wrong.join("\n  ")),
        }
    }
}

// === impl Sheets ===

impl Sheets {
    async fn serve(quota: usize) -> anyhow::Result<Self> {
        let sandbox = Sandbox::open(None)?;
        sandbox.set_quota(quota, quota);
        sandbox.keep_truth();
        let listener = chassis::bind([127, 0, 0, 1].into(), 0).await?;
        let url = format!("http://{}/sheets", listener.local_addr()?);
        tokio::spawn(sandbox::serve(listener, sandbox.providers(), std::future::pending::<()>()));
        Ok(Self { sandbox, url })
    }

    /// Batches with rows from the `from`th batch on.
    fn flushed(&self, from: usize) -> usize {
        self.sandbox
            .applied(from)
            .iter()
            .filter(|batch| !batch.appended.is_empty() || batch.changed > 0)
            .count()
    }

    fn figures(&self) -> String {
        let (applied, calls) = (self.sandbox.applied(0), self.sandbox.calls());
        let marked = |end: &str| {
            applied.iter().flat_map(|batch| &batch.marks).filter(|mark| mark.ends_with(end)).count()
        };
        let (writes, refused) = (
            calls.iter().filter(|call| call.writes).count(),
            calls.iter().filter(|call| !call.admitted).count(),
        );
        format!(
            "sheets    {} batches applied, {} voids of batches that never landed; {writes} write calls of {}, \
             {refused} refused by the quota",
            marked(":rows"),
            marked(":void"),
            calls.len(),
        )
    }
}
