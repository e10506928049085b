//! The stages of erasing a person here, one bounded commit after the other.
//!
//! The first commit cuts the contact off, so that nothing new belongs to the person from then on; then everything is
//! gone through. Where that has come to, and what was counted, is part of each commit. The invariant: a commit counts
//! what it erases, so whatever dies in between, the sum is right.

use std::collections::BTreeSet;

use domain::{Cell, Tab};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use store::{Document, Query, Store, Work};

use super::Erasure;
use crate::{
    bookings,
    deliveries::record::{self, DELIVERIES, State},
    error::Error,
    ingest, leads,
    people::{self, Kind},
    rows::{self, BY_SUBJECT, BY_TAB, ROWS, RowDoc, about::OF_A_CONTACT, veil::Veil},
    statements,
};

/// Documents of one commit, at most; an event has three.
const CONTACTS: usize = 20;
const ROWS_AT_ONCE: u32 = 40;
const DELIVERIES_AT_ONCE: u32 = 100;
/// What was parked may be sent again while it is gone through, so the first state is looked at twice.
const STATES: [State; 4] = [State::Waiting, State::Parked, State::Done, State::Waiting];

/// What is gone through.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Stage {
    /// Nothing is done yet.
    #[default]
    Begun,
    /// The contact and those that were merged into it.
    Contacts,
    /// What leads to them.
    Identities,
    /// Rows about them.
    Rows,
    /// All events.
    Events,
    /// All deliveries.
    Deliveries,
    /// What leads to them once more: what was under way when they were cut off.
    Left,
    /// Rows about them once more, for the same reason.
    Again,
    /// The spreadsheet follows.
    Sheet,
    /// What the person was known by is forgotten as well; what the store has set aside goes.
    Scrub,
}

/// How far it has come.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Place {
    pub(super) stage: Stage,
    /// Which part of the stage.
    part: usize,
    /// The page that comes next.
    after: Option<String>,
    /// A row was found the second time.
    found: bool,
}

// === impl Place ===

impl Place {
    /// Whether the contact is cut off.
    pub(super) fn is_cut(&self) -> bool {
        self.stage != Stage::Begun
    }

    /// The next page, or the next part if there is none.
    fn turn(&mut self, next: Option<String>) {
        self.part += usize::from(next.is_none());
        self.after = next;
    }

    pub(super) fn enter(&mut self, stage: Stage) {
        *self = Self { stage, found: self.found, ..Self::default() };
    }
}

// === impl Erasure ===

impl Erasure {
    /// Does the next bit, all of it within `work`; nothing is left to do from [`Stage::Sheet`] on.
    pub(super) async fn go_on(
        &mut self,
        work: &mut Work<'_>,
        store: &dyn Store,
        now: Timestamp,
    ) -> Result<(), Error> {
        let ids: Vec<String> = self.known.contact_ids.iter().cloned().collect();
        match self.place.stage {
            Stage::Begun => self.cut(work, now).await?,
            Stage::Contacts => self.blank_contacts(work, &ids, now).await?,
            Stage::Identities | Stage::Left => self.give_up_identities(work, store, &ids).await?,
            Stage::Rows | Stage::Again => self.erase_rows(work, store, &ids).await?,
            Stage::Events => self.erase_events(work, store).await?,
            Stage::Deliveries => self.erase_deliveries(work, store).await?,
            Stage::Sheet | Stage::Scrub => {}
        }
        Ok(())
    }

    fn count(&mut self, kind: &str, number: u64) {
        if number > 0 {
            *self.counts.entry(kind.to_owned()).or_default() += number;
        }
    }

    fn veil(&self) -> Veil {
        let known = &self.known;
        Veil::new([&known.words, &known.emails, &known.phones, &known.visitors, &known.whop_users])
    }

    async fn cut(&mut self, work: &mut Work<'_>, now: Timestamp) -> Result<(), Error> {
        let (contact_id, _) = people::erasure_of(work, &self.contact_id).await?;
        let blanked = people::blank(work, &contact_id, &self.id, &self.veil(), now).await?;
        self.count("contacts", blanked.into());
        self.place.enter(Stage::Contacts);
        Ok(())
    }

    async fn blank_contacts(
        &mut self,
        work: &mut Work<'_>,
        ids: &[String],
        now: Timestamp,
    ) -> Result<(), Error> {
        let veil = self.veil();
        for id in ids.iter().skip(self.place.part).take(CONTACTS) {
            let blanked = people::blank(work, id, &self.id, &veil, now).await?;
            self.count("contacts", blanked.into());
        }
        self.place.part += CONTACTS;
        if self.place.part >= ids.len() {
            self.place.enter(Stage::Identities);
        }
        Ok(())
    }

    async fn give_up_identities(
        &mut self,
        work: &mut Work<'_>,
        store: &dyn Store,
        ids: &[String],
    ) -> Result<(), Error> {
        let Some(id) = ids.get(self.place.part) else {
            let next = if self.place.stage == Stage::Left { Stage::Again } else { Stage::Rows };
            self.place.enter(next);
            return Ok(());
        };
        let deleted = people::give_up(work, store, id).await?;
        self.count("identities", deleted as u64);
        self.place.part += usize::from(deleted == 0);
        Ok(())
    }

    async fn erase_rows(
        &mut self,
        work: &mut Work<'_>,
        store: &dyn Store,
        ids: &[String],
    ) -> Result<(), Error> {
        let (nth, tab) = (self.place.part / OF_A_CONTACT.len(), self.place.part % OF_A_CONTACT.len());
        let Some(id) = ids.get(nth) else {
            let next = match (self.place.stage, self.place.found) {
                (Stage::Again, false) => Stage::Sheet,
                _ => Stage::Events,
            };
            self.place.found = false;
            self.place.enter(next);
            return Ok(());
        };
        let query = Query::new(&BY_SUBJECT, [json!(OF_A_CONTACT[tab]), json!(id)]).limit(ROWS_AT_ONCE);
        let page = store.query(query.after(self.place.after.take())).await?;
        let veil = self.veil();
        for row in read(page.documents)? {
            let erased = self.erase_row(work, &row, &veil).await?;
            self.place.found |= erased && self.place.stage == Stage::Again;
        }
        self.place.turn(page.next);
        Ok(())
    }

    /// Erases a row and the document that owns it.
    async fn erase_row(&mut self, work: &mut Work<'_>, row: &RowDoc, veil: &Veil) -> Result<bool, Error> {
        let (kind, owned) = match row.tab {
            Tab::Leads => ("leads", leads::forget(work, &row.id, veil).await?),
            Tab::Bookings => ("bookings", bookings::forget(work, &row.id, veil).await?),
            Tab::Payments => ("payments", statements::forget_payment(work, &row.id, veil).await?),
            Tab::Subscriptions => {
                ("subscriptions", statements::forget_subscription(work, &row.id, veil).await?)
            }
            _ => ("", false),
        };
        let erased = rows::erased::erase(work, &row.key(), &self.id, veil).await?;
        if let Some(Cell::Text(session)) = row.cells.get("session_id").filter(|_| erased)
            && !people::is_tied(work, Kind::Session, session).await?
        {
            self.known.sessions.insert(session.clone());
        }
        self.count("rows", erased.into());
        self.count(kind, (owned && erased).into());
        Ok(erased)
    }

    async fn erase_events(&mut self, work: &mut Work<'_>, store: &dyn Store) -> Result<(), Error> {
        let query = Query::new(&BY_TAB, [json!(Tab::ChatEvents)]).limit(ROWS_AT_ONCE);
        let page = store.query(query.after(self.place.after.take())).await?;
        let veil = self.veil();
        for row in self.known.own(work, read(page.documents)?).await? {
            let erased = ingest::forget(work, &row.id, &self.id, &veil).await?;
            self.count("events", 1);
            self.count("rows", erased);
        }
        self.place.turn(page.next);
        if self.place.part > 0 {
            self.place.enter(Stage::Deliveries);
        }
        Ok(())
    }

    async fn erase_deliveries(&mut self, work: &mut Work<'_>, store: &dyn Store) -> Result<(), Error> {
        let Some(state) = STATES.get(self.place.part) else {
            self.place.enter(Stage::Left);
            return Ok(());
        };
        let after = self.place.after.take();
        let (page, next) = record::list(store, *state, "", DELIVERIES_AT_ONCE, after).await?;
        for found in page {
            if found.value.erased || !self.is_told_of(&found.value) {
                continue;
            }
            // What was sent meanwhile stands in another state, and is found there.
            let Some(mut delivery) = work.get(&DELIVERIES, &found.id).await? else { continue };
            if delivery.state == *state {
                delivery.erase();
                work.put_until(&DELIVERIES, &found.id, &delivery, delivery.expires_at());
                self.count("deliveries", 1);
            }
        }
        self.place.turn(next);
        Ok(())
    }

    fn is_told_of(&self, delivery: &record::Record) -> bool {
        let ids: BTreeSet<&String> = delivery.contact_ids.iter().collect();
        let body: Value = serde_json::from_str(&delivery.body).unwrap_or_default();
        let filed = delivery.contact_ids.first().map(String::as_str).unwrap_or_default();
        ids.iter().any(|id| self.known.contact_ids.contains(*id))
            || body["data"].as_object().is_some_and(|data| self.known.owns(data, filed))
    }
}

fn read(documents: Vec<Document>) -> Result<Vec<RowDoc>, store::Error> {
    documents.into_iter().map(|document| Ok(ROWS.read(document)?.value)).collect()
}
