//! Two bookings that turn out to be one meeting.
//!
//! Contacts that were told of one meeting each without a uid, and become one, had one meeting: two bookings of one
//! contact at one start are one, unless both have uids, or one was told of after the other had been moved away. The
//! older one survives and knows what both were told; the other row stays with its id and says in `meeting_type` where
//! it went, with no start and no status, so that it counts as no meeting. The invariant: whether the contacts are
//! merged before or after what is told of the meeting, one row tells of it, and the same.

use domain::tab;
use jiff::Timestamp;
use store::Work;

use super::{BookingDoc, load, slots, write};
use crate::{error::Error, rows::veil::Veil, told::Rule};

/// Moves what a contact has that becomes an alias to the survivor.
pub(crate) async fn join(work: &mut Work<'_>, survivor: &str, loser: &str) -> Result<(), Error> {
    let theirs = slots::take_all(work, loser, survivor).await?;
    if theirs.is_empty() {
        return Ok(());
    }
    let (owner, mut mine) = slots::of(work, survivor).await?;
    for (start, booking_id) in theirs {
        let holder = match mine.starts.get(&start) {
            Some(own) => settle(work, own, &booking_id, &start).await?,
            None => booking_id,
        };
        mine.starts.insert(start, holder);
    }
    slots::put(work, &owner, mine);
    Ok(())
}

/// Which of two bookings has the start from now on; they are united if they are one meeting.
async fn settle(work: &mut Work<'_>, one: &str, other: &str, start: &str) -> Result<String, Error> {
    let (Some(one), Some(other)) = (load(work, one).await?, load(work, other).await?) else {
        return Ok(other.to_owned());
    };
    if one.booking.id == other.booking.id {
        return Ok(one.booking.id);
    }
    if are_one(&one, &other, start) {
        let mut doc = unite(work, one, other).await?;
        write(work, &mut doc).await?;
        return Ok(doc.booking.id);
    }
    let last = |doc: &BookingDoc| (doc.told_at, doc.booking.id.clone());
    Ok(if last(&one) >= last(&other) { one.booking.id } else { other.booking.id })
}

/// Whether two bookings that took one start are one meeting: not two uids, and not one that was told of after the
/// other had been moved away.
pub(super) fn are_one(one: &BookingDoc, other: &BookingDoc, start: &str) -> bool {
    let uids = [&one.booking.cal_event_id, &other.booking.cal_event_id];
    let may_be_one = uids[0] == uids[1] || uids.iter().any(|uid| uid.is_empty());
    let in_time = match (one.stands_at(start), other.stands_at(start)) {
        (true, true) => true,
        (true, false) => one.told_at < other.told_at,
        (false, true) => other.told_at < one.told_at,
        (false, false) => false,
    };
    may_be_one && in_time && !one.erased && !other.erased
}

/// Makes the younger booking an alias of the older one, which the caller has to write.
pub(super) async fn unite(
    work: &mut Work<'_>,
    one: BookingDoc,
    other: BookingDoc,
) -> Result<BookingDoc, Error> {
    let age = |doc: &BookingDoc| (doc.booking.created_at.unwrap_or(Timestamp::MAX), doc.booking.id.clone());
    let (mut doc, mut loser) = if age(&one) <= age(&other) { (one, other) } else { (other, one) };
    doc.learn(&loser);
    loser.alias_of = Some(doc.booking.id.clone());
    write(work, &mut loser).await?;
    Ok(doc)
}

/// As [`unite`], of two that a provider says are one, even if the person of one of them was forgotten: then nothing is
/// left that could name them.
pub(super) async fn unite_erased(
    work: &mut Work<'_>,
    one: BookingDoc,
    other: BookingDoc,
) -> Result<BookingDoc, Error> {
    let erased = one.erased || other.erased;
    let mut doc = unite(work, one, other).await?;
    if erased {
        doc.blank(&Veil::default());
    }
    Ok(doc)
}

// === impl BookingDoc ===

impl BookingDoc {
    fn learn(&mut self, other: &Self) {
        let (mut mine, theirs, told) = (self.heard().clone(), other.heard().clone(), &mut self.told);
        let slots = &mut mine;
        told.join("contact_id", Rule::Last, &mut slots.contact_id, (&other.told, theirs.contact_id));
        told.join("cal_provider", Rule::Last, &mut slots.cal_provider, (&other.told, theirs.cal_provider));
        told.join("cal_event_id", Rule::Last, &mut slots.cal_event_id, (&other.told, theirs.cal_event_id));
        told.join("meeting_type", Rule::Last, &mut slots.meeting_type, (&other.told, theirs.meeting_type));
        told.join("status", Rule::Last, &mut slots.status, (&other.told, theirs.status));
        told.join("event_start", Rule::Last, &mut slots.event_start, (&other.told, theirs.event_start));
        told.join("event_end", Rule::Last, &mut slots.event_end, (&other.told, theirs.event_end));
        self.told_at = self.told_at.max(other.told_at);
        self.stand_on(other.stated.clone(), mine);
    }

    /// What its row shows.
    pub(super) fn shown(&self) -> tab::Booking {
        match &self.alias_of {
            None => self.booking.clone(),
            Some(survivor) => tab::Booking {
                id: self.booking.id.clone(),
                contact_id: self.booking.contact_id.clone(),
                created_at: self.booking.created_at,
                meeting_type: format!("merged into {survivor}"),
                ..Default::default()
            },
        }
    }
}
