//! What a calendar states of a meeting, over what events tell of it.
//!
//! A statement brings all uids that the meeting ever had, so whatever events made of one of them is the same meeting.
//! The invariant: the newest statement stands over every word of events, whichever comes first, and what it leaves
//! blank is as events told it.

use domain::{id::EngagementId, tab};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use store::Work;

use super::{
    BOOKING_KEYS, BookingDoc, BookingKey, Slot, by_key, in_slot, joining, new, take, uid_key, write,
};
use crate::{
    error::Error,
    ingest,
    leads::{self, Stage},
    people,
    rows::veil::Veil,
    statements::{Party, Place, Taken},
};

/// States of a meeting that is or was booked, where its provider does not say whether it was. Where only the end is stated,
/// as after webhooks that were lost, the books say the same as if everything had been heard: what was canceled had been
/// booked before. Who knows that a request was withdrawn states it.
const BOOKED: [&str; 4] = ["booked", "rescheduled", "canceled", "no_show"];

/// A meeting as its provider has it.
#[derive(Clone, Debug)]
pub(crate) struct Statement {
    /// All of the provider's ids of it, the first one first; at least one.
    pub(crate) uids: Vec<String>,
    /// Counted up with every change.
    pub(crate) version: u64,
    /// When it was booked.
    pub(crate) created_at: Timestamp,
    /// It was booked at some time, and not only asked for; none if nobody knows.
    pub(crate) was_booked: Option<bool>,
    /// Everything else, but for its row's id, its contact and its uid.
    pub(crate) said: tab::Booking,
}

/// The newest statement about a booking.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Stated {
    version: u64,
    /// Its words; a blank one says nothing.
    said: tab::Booking,
    /// What events told.
    pub(super) heard: tab::Booking,
    /// The contact for whom it was filed that the meeting is booked; blank if nobody was known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    filed: Option<String>,
    /// It was booked at some time; none if that was not stated.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) was_booked: Option<bool>,
    #[serde(default)]
    place: Place,
}

/// Takes down a statement within `work`; answers the booking's id as well.
pub(crate) async fn state(
    work: &mut Work<'_>,
    statement: Statement,
    party: &Party,
    now: Timestamp,
) -> Result<(String, Taken), Error> {
    let (found, free) = all_of(work, &statement).await?;
    let is_old =
        |doc: &&BookingDoc| doc.stated.as_ref().is_some_and(|stated| statement.version <= stated.version);
    if let Some(doc) = found.iter().find(is_old) {
        return doc.answer(work, false).await;
    }
    let known = unite(work, found).await?;
    let owner = known.as_ref().map_or("", |doc| doc.booking.contact_id.as_str());
    let erased = known.as_ref().is_some_and(|doc| doc.erased)
        || people::is_erased(work, owner).await?
        || party.is_forgotten(work, statement.created_at).await?;
    let mut told = statement.said.clone();
    told.cal_event_id.clone_from(statement.current());
    if !erased {
        told.contact_id = party.find_or_make(work, "calendar", statement.created_at).await?;
    }
    let mut doc = find_or_make(work, known, &told, &statement, now).await?;
    doc.erased |= erased;
    doc.hear(&statement, told, party.place.clone(), now);
    doc = take_slot(work, doc).await?;
    for key in free {
        work.put(&BOOKING_KEYS, &key, &BookingKey { booking_id: doc.booking.id.clone() });
    }
    doc.file(work, &statement, party).await?;
    write(work, &mut doc).await?;
    doc.answer(work, true).await
}

/// The bookings that the uids lead to, and the keys that lead nowhere yet.
async fn all_of(work: &mut Work<'_>, statement: &Statement) -> Result<(Vec<BookingDoc>, Vec<String>), Error> {
    let keys: Vec<String> =
        statement.uids.iter().map(|uid| uid_key(&statement.said.cal_provider, uid)).collect();
    work.prefetch(keys.iter().map(|key| BOOKING_KEYS.key(key)).collect()).await?;
    let (mut all, mut free) = (Vec::<BookingDoc>::new(), Vec::new());
    for key in keys {
        match by_key(work, &key).await? {
            None => free.push(key),
            Some(doc) if all.iter().all(|known| known.booking.id != doc.booking.id) => all.push(doc),
            Some(_) => {}
        }
    }
    Ok((all, free))
}

/// Makes one of what events took for several meetings.
async fn unite(work: &mut Work<'_>, found: Vec<BookingDoc>) -> Result<Option<BookingDoc>, Error> {
    let mut found = found.into_iter();
    let Some(mut doc) = found.next() else { return Ok(None) };
    for other in found {
        doc = joining::unite_erased(work, doc, other).await?;
    }
    Ok(Some(doc))
}

/// The booking that is known, or one that an event without a uid made of the same meeting, or a new one.
async fn find_or_make(
    work: &mut Work<'_>,
    known: Option<BookingDoc>,
    told: &tab::Booking,
    statement: &Statement,
    now: Timestamp,
) -> Result<BookingDoc, Error> {
    if let Some(known) = known {
        return Ok(known);
    }
    if let Some(slot) = Slot::of(told)
        && let Some(holder) = in_slot(work, &slot, told, now).await?
    {
        return Ok(holder);
    }
    let name = uid_key(&told.cal_provider, statement.first());
    new(work, &name, statement.first(), statement.created_at).await
}

/// Has the booking take its start; one without a uid that holds it is the same meeting.
async fn take_slot(work: &mut Work<'_>, doc: BookingDoc) -> Result<BookingDoc, Error> {
    let Some(slot) = Slot::of(&doc.booking).filter(|_| !doc.erased) else { return Ok(doc) };
    take(work, doc, &slot).await
}

// === impl Statement ===

impl Statement {
    fn first(&self) -> &str {
        self.uids.first().map_or("", String::as_str)
    }

    fn current(&self) -> &String {
        self.uids.last().expect("a statement has at least one uid")
    }
}

// === impl Stated ===

impl Stated {
    /// Everything that it keeps of the meeting.
    pub(super) fn layers(&mut self) -> [&mut tab::Booking; 2] {
        [&mut self.said, &mut self.heard]
    }
}

// === impl BookingDoc ===

impl BookingDoc {
    /// Takes in a newer statement. Of a meeting of somebody who was forgotten its times and status are taken.
    fn hear(&mut self, statement: &Statement, told: tab::Booking, place: Place, now: Timestamp) {
        let heard = self.heard().clone();
        let old = self.stated.take();
        let mut said = tab::Booking { created_at: Some(statement.created_at), ..told };
        let known = old.as_ref().map(|old| &old.said);
        if self.erased {
            let tab::Booking { event_start, event_end, status, created_at, .. } = said;
            let (cal_provider, cal_event_id) = if self.version == 0 {
                let veil = Veil::default();
                (veil.category(&said.cal_provider), veil.category(&said.cal_event_id))
            } else {
                known
                    .map(|known| (known.cal_provider.clone(), known.cal_event_id.clone()))
                    .unwrap_or_default()
            };
            let kept = known.cloned().unwrap_or_default();
            said = tab::Booking {
                event_start,
                event_end,
                status,
                created_at,
                cal_provider,
                cal_event_id,
                ..kept
            };
        } else if let Some(known) = known.filter(|_| said.contact_id.is_empty()) {
            said.contact_id.clone_from(&known.contact_id);
        }
        if self.booking.event_start != said.event_start {
            // What was told of the old start before is about this meeting.
            self.told_at = self.told_at.max(now);
        }
        let (filed, since) = old.map(|old| (old.filed, old.place)).unwrap_or_default();
        let place = if place.is_nowhere() { since } else { place };
        self.stated = Some(Stated {
            version: statement.version,
            was_booked: statement.was_booked,
            said,
            heard,
            filed,
            place,
        });
        self.compose();
    }

    /// Has what was stated stand, over what was heard.
    pub(super) fn compose(&mut self) {
        let Some(Stated { said, heard, .. }) = &self.stated else { return };
        let text = |said: &String, heard: &String| if said.is_empty() { heard.clone() } else { said.clone() };
        self.booking = tab::Booking {
            id: self.booking.id.clone(),
            contact_id: text(&said.contact_id, &heard.contact_id),
            created_at: said.created_at.or(heard.created_at),
            event_start: said.event_start.or(heard.event_start),
            event_end: said.event_end.or(heard.event_end),
            cal_provider: text(&said.cal_provider, &heard.cal_provider),
            cal_event_id: text(&said.cal_event_id, &heard.cal_event_id),
            meeting_type: text(&said.meeting_type, &heard.meeting_type),
            status: text(&said.status, &heard.status),
        };
    }

    /// Takes over what another booking of the same meeting was stated to be, if that is newer, over what both heard.
    pub(super) fn stand_on(&mut self, other: Option<Stated>, heard: tab::Booking) {
        let version = |stated: &Option<Stated>| stated.as_ref().map(|stated| stated.version);
        let filed = self.stated.as_ref().and_then(|stated| stated.filed.clone());
        let theirs = other.as_ref().and_then(|stated| stated.filed.clone());
        let newest = if version(&other) > version(&self.stated) { other } else { self.stated.take() };
        match newest {
            Some(stated) => {
                self.stated = Some(Stated { heard, filed: filed.max(theirs), ..stated });
                self.compose();
            }
            None => self.booking = heard,
        }
    }

    /// Files that the meeting is booked: once, and again for whoever comes to have it.
    ///
    /// The row of the meeting and its engagement go over to them; the lead of who had it before stays `booked`. A lead's
    /// status is how far it has come, as it is of one whose meeting is canceled, and what the owner works by: to reopen it
    /// would have somebody called who has handed their meeting on, over a status that other meetings or the owner may
    /// have given it since. Only the owner's hand moves a lead back.
    async fn file(&mut self, work: &mut Work<'_>, statement: &Statement, party: &Party) -> Result<(), Error> {
        let contact_id = self.booking.contact_id.clone();
        let Some(stated) = self.stated.as_mut().filter(|_| !self.erased) else { return Ok(()) };
        let is_news = match stated.filed.as_deref() {
            None => true,
            Some(_) if contact_id.is_empty() => false,
            Some("") => true,
            Some(filed) => {
                people::current_id(work, filed).await? != people::current_id(work, &contact_id).await?
            }
        };
        let by_status = || BOOKED.contains(&stated.said.status.as_str());
        if !is_news || !stated.was_booked.unwrap_or_else(by_status) {
            return Ok(());
        }
        let is_first = stated.filed.replace(contact_id.clone()).is_none();
        if !contact_id.is_empty() {
            leads::advance(work, &contact_id, Stage::Booked, statement.created_at).await?;
        }
        let engagement = tab::Engagement {
            id: EngagementId::derive(&["booking", &statement.said.cal_provider, statement.first()])
                .to_string(),
            contact_id,
            occurred_at: Some(statement.created_at),
            channel: "calendar".to_owned(),
            page: party.page.clone(),
            message: String::new(),
            outcome: "booked".to_owned(),
            workflow_id: party.place.workflow.clone(),
            session_id: party.identity.session.clone(),
        };
        if is_first {
            ingest::write_engagement(work, engagement, statement.created_at).await
        } else {
            ingest::move_engagement(work, engagement, statement.created_at).await
        }
    }

    async fn answer(&self, work: &mut Work<'_>, accepted: bool) -> Result<(String, Taken), Error> {
        let taken = Taken::of(work, &self.booking.contact_id, accepted).await?;
        Ok((self.booking.id.clone(), taken))
    }
}
