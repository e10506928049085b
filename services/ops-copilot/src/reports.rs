//! The week in figures: counted, told in words, written to the books and sent.
//!
//! The invariants: a week is published once, whoever asks and whatever dies in between, because everything that it leaves
//! behind has an id that follows from the week; and no text of a report quotes what a visitor wrote.

pub(crate) mod summary;
pub(crate) mod tally;
pub(crate) mod week;
mod words;

use std::{sync::Arc, time::Duration};

use chassis::{Context, Ticked};
use domain::{Fault, id::EventId};
use jiff::{Timestamp, civil::Date, tz::TimeZone};
use serde::{Deserialize, Serialize};
use serde_json::json;
use store::{Attempts, Clock, Collection, Store, Work};
use tokio::sync::{Mutex, oneshot};

use crate::{
    books::Books,
    config::ReportAt,
    error::{Error, fault},
    notices::{Letter, Notices, notice_id},
};
use summary::Summary;
use week::Week;

/// Weeks that were published, and when the first look at the clock was.
const REPORTS: Collection<Mark> = Collection::new("reports");
/// The document of that look.
const BEGAN: &str = "began";
/// The kind of its notices, and the outcome of its engagement.
const KIND: &str = "weekly_summary";
/// What a tick waits for a report; the report goes on, and the next tick waits again.
const TICK: Duration = Duration::from_secs(4);

/// The end of a report that was begun.
type Running = oneshot::Receiver<Result<(), Error>>;

/// When something was done.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Mark {
    at: Timestamp,
}

/// A week, with the one before, in figures and words.
pub(crate) struct Report {
    pub(crate) summary: Summary,
    pub(crate) before: Summary,
    pub(crate) text: String,
}

/// What reports stand on.
pub(crate) struct Deps {
    pub(crate) books: Books,
    pub(crate) notices: Notices,
    pub(crate) store: Arc<dyn Store>,
    pub(crate) clock: Clock,
    pub(crate) zone: TimeZone,
    pub(crate) at: ReportAt,
    pub(crate) ctx: Context,
}

/// Reports. Clones share one.
#[derive(Clone)]
pub(crate) struct Reports {
    deps: Arc<Deps>,
    /// The report that the clock has begun.
    running: Arc<Mutex<Option<Running>>>,
}

// === impl Reports ===

impl Reports {
    pub(crate) fn new(deps: Deps) -> Self {
        Self { deps: Arc::new(deps), running: Arc::default() }
    }

    /// The beginning of a day.
    pub(crate) fn begin_of(&self, day: Date) -> Timestamp {
        week::midnight(day, &self.deps.zone)
    }

    /// The ways by which people are told.
    pub(crate) fn channels(&self) -> Vec<String> {
        self.deps.notices.channels().iter().map(|channel| channel.as_str().to_owned()).collect()
    }

    /// The week of a moment, or the last one that has ended.
    pub(crate) async fn get(&self, at: Option<Timestamp>) -> Result<Report, Error> {
        self.report(self.week(at)).await
    }

    /// Publishes a week. With `again`, the id of a request, it is sent once more for that request; whether this call wrote
    /// or sent it is answered too.
    pub(crate) async fn publish(
        &self,
        at: Option<Timestamp>,
        again: Option<&str>,
    ) -> Result<(Report, bool), Error> {
        let week = self.week(at);
        if week.to() > (self.deps.clock)() {
            return Err(Fault::invalid("at_time", "at_time must be in a week that has ended").into());
        }
        let report = self.report(week.clone()).await?;
        let published = self.send(&week, &report, again).await?;
        Ok((report, published))
    }

    /// Publishes the last week that is due, if it was not; only that one, however many were missed.
    pub(crate) async fn tick(&self) -> Result<Ticked, Fault> {
        let mut ticked = Ticked::default();
        let mut running = self.running.lock().await;
        if running.is_none() {
            let Some(week) = self.due().await.map_err(|error| fault(&error))? else { return Ok(ticked) };
            *running = Some(self.begin(week));
        }
        let Some(report) = running.as_mut() else { return Ok(ticked) };
        let Ok(told) = tokio::time::timeout(TICK, report).await else {
            ticked.more = true;
            return Ok(ticked);
        };
        *running = None;
        // A task that a drain has cut tells nothing.
        let outcome = told.map_err(|_| Fault::internal())?;
        outcome.map_err(|error| fault(&error))?;
        ticked.count("reports", 1);
        Ok(ticked)
    }

    fn begin(&self, week: Week) -> Running {
        let (tell, told) = oneshot::channel();
        let reports = self.clone();
        self.deps.ctx.spawn(async move {
            let outcome = async {
                let report = reports.report(week.clone()).await?;
                reports.send(&week, &report, None).await.map(drop)
            };
            // fails only when nobody waits any more
            let _ = tell.send(outcome.await);
        });
        told
    }

    /// The week that is to be published by the clock. Weeks that ended before it was first looked at are not: there is
    /// nothing in them, or people know it already.
    async fn due(&self) -> Result<Option<Week>, Error> {
        let Deps { store, clock, zone, at, .. } = &*self.deps;
        let now = clock();
        let began = self.began(now).await?;
        let week = Week::due(now, *at, zone);
        if week.to() <= began || REPORTS.get(&**store, &week.name()).await?.is_some() {
            return Ok(None);
        }
        Ok(Some(week))
    }

    async fn began(&self, now: Timestamp) -> Result<Timestamp, Error> {
        let mut attempts = Attempts::default();
        loop {
            let mut work = Work::new(&*self.deps.store);
            if let Some(began) = work.get(&REPORTS, BEGAN).await? {
                return Ok(began.at);
            }
            work.put(&REPORTS, BEGAN, &Mark { at: now });
            if attempts.commit(work).await? {
                return Ok(now);
            }
        }
    }

    fn week(&self, at: Option<Timestamp>) -> Week {
        let Deps { clock, zone, .. } = &*self.deps;
        at.map_or_else(|| Week::ended(clock(), zone), |at| Week::of(at, zone))
    }

    async fn report(&self, week: Week) -> Result<Report, Error> {
        let [before, summary] = tally::count(&self.deps.books, [week.before(), week]).await?;
        let text = words::text(&summary, &before);
        Ok(Report { summary, before, text })
    }

    /// Writes it to the books, has it sent, and notes that; true if this call has it sent, which only one of several does.
    async fn send(&self, week: &Week, report: &Report, again: Option<&str>) -> Result<bool, Error> {
        let Deps { books, notices, store, .. } = &*self.deps;
        let name = week.name();
        let is_known = REPORTS.get(&**store, &name).await?.is_some();
        if is_known && again.is_none() {
            // It is noted once it was taken, and its notice is forgotten long before the note.
            return Ok(false);
        }
        if !is_known {
            books.record(&self.event(week, report)).await?;
        }
        let id = match again.filter(|_| is_known) {
            Some(request_id) => notice_id(&[KIND, &name, request_id]),
            None => notice_id(&[KIND, &name]),
        };
        let letter = Letter { title: words::title(week), text: report.text.clone(), link: None };
        let is_sent = notices.take(&id, KIND, &letter, &[]).await?;
        self.note(&name).await?;
        Ok(is_sent)
    }

    fn event(&self, week: &Week, report: &Report) -> serde_json::Value {
        json!({
            "id": EventId::derive(&["ops.weekly_summary", &week.name()]).as_str(),
            "type": "ops.weekly_summary",
            "occurred_at": (self.deps.clock)(),
            "channel": "ops",
            "workflow_id": crate::NAME,
            "outcome": KIND,
            "message": format!("{}\n{}", words::title(week), report.text),
            "week": week.monday,
            "time_zone": week::zone_name(&week.zone),
        })
    }

    async fn note(&self, name: &str) -> Result<(), Error> {
        let mut attempts = Attempts::default();
        loop {
            let mut work = Work::new(&*self.deps.store);
            if work.get(&REPORTS, name).await?.is_some() {
                return Ok(());
            }
            work.put(&REPORTS, name, &Mark { at: (self.deps.clock)() });
            if attempts.commit(work).await? {
                return Ok(());
            }
        }
    }
}
