//! Erasing a person here, and waiting for the spreadsheet.
//!
//! A row waits for nothing that will never come: a line that somebody deleted and a tab that is gone show nothing any
//! more; should the tab be filled again, it is from blank rows. The invariant: done means that the spreadsheet was
//! written after the store.

use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use domain::Tab;
use jiff::Timestamp;
use store::{Attempts, Clock, Store, Work, backup, erasing};
use tokio::time::Instant;

use super::{Answer, Counts, ERASURES, Erasure, load, stages::Stage};
use crate::{error::Error, ledger::Ledger, people, people::Known, rows};

/// For how long one call goes on.
const AT_ONCE: Duration = Duration::from_secs(4);
/// How often it is looked whether tabs are gone.
const LOOK: Duration = Duration::from_secs(5);
const GOES_ON: &str = "there is more to go through; call again";
const RESTORE: &str = "the end of a restore";
const KNOWN_BY_MORE: &str = "the person became known by more; the other services are to be asked again";

/// How far erasing a person is here.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Answered {
    pub(crate) done: bool,
    pub(crate) erased: Counts,
    pub(crate) waiting_for: String,
}

/// What erasing works on. The store is not the one that tells others of what happens: nobody is told of this.
#[derive(Clone)]
pub(crate) struct Eraser {
    pub(crate) store: Arc<dyn Store>,
    ledger: Arc<Ledger>,
    clock: Clock,
    gone: Arc<Mutex<Option<Look>>>,
}

/// Tabs that were gone, and when somebody looked.
type Look = (Instant, BTreeSet<Tab>);

/// What one commit came to.
enum Step {
    /// There is more to do.
    More,
    /// Nothing can be done until something else has happened.
    Waits(Erasure, String),
    /// It has ended.
    Ended(Erasure),
}

// === impl Eraser ===

impl Eraser {
    pub(crate) fn new(store: Arc<dyn Store>, ledger: Arc<Ledger>, clock: Clock) -> Self {
        Self { store, ledger, clock, gone: Arc::default() }
    }

    /// Erases the person of an erasure, or goes on with it.
    pub(crate) async fn erase(&self, erasure_id: &str) -> Result<Answered, Error> {
        let began = Instant::now();
        let known = super::get(&*self.store, erasure_id).await?;
        // Half of what there is to erase may be missing yet, and what is changed the restore would not know again.
        if known.open && backup::is_under_way(&*self.store).await? {
            return Ok(Answered { done: false, erased: known.counts, waiting_for: RESTORE.to_owned() });
        }
        let (erasure, waiting_for) = loop {
            match self.step(erasure_id).await? {
                Step::More if began.elapsed() < AT_ONCE => {}
                Step::More => break (super::get(&*self.store, erasure_id).await?, GOES_ON.to_owned()),
                Step::Waits(erasure, why) => break (erasure, why),
                Step::Ended(erasure) => break (erasure, String::new()),
            }
        };
        self.ledger.wake();
        Ok(Answered { done: !erasure.open, erased: erasure.counts, waiting_for })
    }

    /// Goes on with what was begun here and waits, however many others are open that are not: nobody has to come back
    /// for it. One that fails keeps none from going on.
    pub(crate) async fn go_on(&self, page: u32) -> Result<u64, Error> {
        let (mut ended, mut after, mut failed) = (0, None, None);
        loop {
            let (open, next) = super::list(&*self.store, true, page, after).await?;
            for erasure in open.into_iter().filter(|erasure| erasure.place.is_cut()) {
                match self.erase(&erasure.id).await {
                    Ok(erased) => ended += u64::from(erased.done),
                    Err(error) => failed = Some(error),
                }
            }
            after = next;
            if after.is_none() {
                return failed.map_or(Ok(ended), Err);
            }
        }
    }

    async fn step(&self, erasure_id: &str) -> Result<Step, Error> {
        let mut attempts = Attempts::default();
        loop {
            let now = (self.clock)();
            let mut work = Work::new(&*self.store);
            let mut erasure = load(&mut work, erasure_id).await?;
            if !erasure.open {
                return Ok(Step::Ended(erasure));
            }
            let before = erasure.clone();
            let waits = match erasure.place.stage {
                Stage::Begun => self.hear_more(&mut work, &mut erasure).await?,
                Stage::Sheet => self.what_waits(&erasure).await?,
                Stage::Scrub => self.scrub().await?,
                _ => None,
            };
            match (&waits, erasure.place.stage) {
                (Some(why), _) => erasure.answer(why, now),
                (None, Stage::Sheet) => erasure.forget(),
                (None, Stage::Scrub) => erasure.end(now),
                (None, _) => erasure.go_on(&mut work, &*self.store, now).await?,
            }
            if erasure != before {
                work.put(&ERASURES, erasure_id, &erasure);
            }
            if attempts.commit(work).await? {
                return Ok(match waits {
                    Some(why) => Step::Waits(erasure, why),
                    None if erasure.open => Step::More,
                    None => Step::Ended(erasure),
                });
            }
        }
    }

    async fn scrub(&self) -> Result<Option<String>, Error> {
        match self.store.scrub().await {
            Ok(()) => Ok(None),
            Err(store::Error::Busy) => Ok(Some(erasing::BACKUP.to_owned())),
            Err(error) => Err(error.into()),
        }
    }

    /// What the person is known by may have grown since the other services were asked.
    async fn hear_more(&self, work: &mut Work<'_>, erasure: &mut Erasure) -> Result<Option<String>, Error> {
        let known = people::gather(work, &*self.store, &erasure.contact_id).await?;
        let asked = !erasure.answers.is_empty();
        let grown = erasure.learn(known, (self.clock)());
        Ok((grown && asked).then(|| KNOWN_BY_MORE.to_owned()))
    }

    /// The tabs that are gone; looked at seldom, since callers ask often and Google counts.
    async fn gone_tabs(&self) -> Result<BTreeSet<Tab>, Error> {
        let known = self.gone.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some((at, gone)) = known
            && at.elapsed() < LOOK
        {
            return Ok(gone);
        }
        let gone = self.ledger.gone_tabs().await?;
        *self.gone.lock().unwrap_or_else(PoisonError::into_inner) = Some((Instant::now(), gone.clone()));
        Ok(gone)
    }

    /// What is missing to the end.
    async fn what_waits(&self, erasure: &Erasure) -> Result<Option<String>, Error> {
        let mut waiting = Vec::new();
        for tab in Tab::ALL {
            let rows = rows::erased::waiting(&*self.store, tab, &erasure.id).await?;
            if rows > 0 {
                waiting.push((tab, rows));
            }
        }
        if !waiting.is_empty() {
            let gone = self.gone_tabs().await?;
            waiting.retain(|(tab, _)| !gone.contains(tab));
        }
        if !waiting.is_empty() {
            let rows: u64 = waiting.iter().map(|(_, rows)| rows).sum();
            return Ok(Some(format!("{rows} rows wait for the spreadsheet")));
        }
        Ok(erasure.unfinished().map(|service| format!("{service} is not done")))
    }
}

// === impl Erasure ===

impl Erasure {
    fn answer(&mut self, waiting_for: &str, now: Timestamp) {
        let answer = Answer {
            service: crate::NAME.to_owned(),
            done: waiting_for.is_empty(),
            erased: self.counts.clone(),
            waiting_for: waiting_for.to_owned(),
            at: now,
        };
        let same = |known: &Answer| Answer { at: now, ..known.clone() } == answer;
        if !self.answers.iter().any(same) {
            self.note(answer);
        }
    }

    fn forget(&mut self) {
        self.known = Known::default();
        self.place.enter(Stage::Scrub);
    }

    fn end(&mut self, now: Timestamp) {
        self.answer("", now);
        self.open = false;
        self.ended_at = Some(now);
        tracing::info!(erasure.id = self.id, contact.id = self.contact_id, "a person was forgotten");
    }
}
