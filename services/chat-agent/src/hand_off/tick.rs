//! What is due by the clock: the books hear what they have not taken, a visitor to whom nobody came is asked for an
//! address, and what took too long is given back.
//!
//! The invariants: each is done once, however many do it at the same time, for each is a change of the thread's record; and
//! books that are away hold up nothing but what they are told.

use std::sync::Arc;

use chassis::Ticked;
use domain::workflow::{Audience, Workflow};
use store::Error;

use super::{HandOffs, Standing, calls::Telling, items};
use crate::{brain, error, threads::Record};

/// How many items are read to see whether an address is known.
const HISTORY: u32 = 200;
/// How many threads are read at once.
const PAGE: u32 = 100;

// === impl HandOffs ===

impl HandOffs {
    /// Does what is due.
    pub(crate) async fn tick(&self) -> Result<Ticked, error::Error> {
        let mut ticked = Ticked::default();
        let (mut after, mut is_away) = (None, false);
        loop {
            let (records, next) = self.threads.attended(PAGE, after).await?;
            for record in &records {
                self.attend(record, &mut ticked).await?;
            }
            for record in records.iter().filter(|record| !record.standing.untold().is_empty()) {
                // who did not answer for one thread does not for the next: that is for another time
                if !is_away {
                    let telling = self.tell(record).await?;
                    is_away = telling == Telling::Away;
                    ticked.count("hand_offs_told", (telling == Telling::Whole).into());
                }
            }
            after = next;
            if after.is_none() {
                return Ok(ticked);
            }
        }
    }

    async fn attend(&self, record: &Record, ticked: &mut Ticked) -> Result<(), error::Error> {
        let (thread, now, times) = (&record.thread.id, self.threads.now(), self.threads.times());
        if record.standing.clone().expire(now, &times).is_some() {
            let change = |standing: &mut Standing| {
                let expired = standing.expire(now, &times);
                expired.map(|hand_off| items::expired(&hand_off, thread, now)).into_iter().collect()
            };
            let stood = self.threads.stand(None, thread, change).await?;
            ticked.count("hand_offs_given_back", stood.is_some_and(|stood| !stood.put.is_empty()).into());
        } else if record.standing.wants_address(now, &times) {
            ticked.count("addresses_asked", self.ask(record).await?.into());
        }
        Ok(())
    }

    /// Asks the visitor for an address, unless one is known or the workflow is none for leads; whether it was asked.
    async fn ask(&self, record: &Record) -> Result<bool, Error> {
        let (thread, now, times) = (&record.thread.id, self.threads.now(), self.threads.times());
        let slug = record.owner().workflow;
        let is_this = |workflow: &&Arc<Workflow>| workflow.slug == slug;
        let takes_leads = self
            .workflows
            .iter()
            .find(is_this)
            .is_some_and(|workflow| workflow.audience != Audience::Operator);
        let history = self.threads.newest(thread, HISTORY).await?;
        let useful = takes_leads && !brain::hand_off::is_reachable(&history);
        let locale = brain::traits(&record.thread).remove("locale").unwrap_or_default();
        let change = |standing: &mut Standing| {
            let asked = standing.ask(now, &times).filter(|_| useful);
            asked
                .map(|hand_off| brain::hand_off::form(&hand_off, thread, &locale, now))
                .into_iter()
                .flatten()
                .collect()
        };
        Ok(self.threads.stand(None, thread, change).await?.is_some_and(|stood| !stood.put.is_empty()))
    }
}
