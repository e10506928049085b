//! Events about people who were forgotten.
//!
//! The invariant: an event that tells of what was before the person was forgotten brings nothing of it back, however
//! late it comes; that it came is kept, and what became of a meeting.

use domain::id::EngagementId;
use jiff::Timestamp;
use store::Work;

use super::{EVENTS, Event, booking, doc_id, identity};
use crate::{
    bookings,
    error::Error,
    people,
    rows::{self, RowKey, veil::Veil},
};

/// Whether an event comes too late: about a meeting of somebody who was forgotten, or about what happened before to
/// whoever it names.
pub(super) async fn is_late(
    work: &mut Work<'_>,
    event: &Event,
    occurred_at: Timestamp,
) -> Result<bool, Error> {
    if event.calendar_action().is_some() {
        let uid = event.first_text(&["cal_event_id", "uid"])?;
        if bookings::is_erased(work, &event.text("cal_provider")?, &uid).await? {
            return Ok(true);
        }
    }
    let given_id = event.text("contact_id")?;
    let by_id = match given_id.is_empty() || people::check_given_id(&given_id).is_err() {
        true => None,
        false => people::erased_at(work, &given_id).await?,
    };
    let erased_at = by_id.max(people::forgotten_at(work, &identity(event)?).await?);
    Ok(erased_at.is_some_and(|erased_at| occurred_at <= erased_at))
}

/// Takes down what became of a meeting, and nothing about anybody.
pub(super) async fn follow(work: &mut Work<'_>, event: &Event, occurred_at: Timestamp) -> Result<(), Error> {
    let Some(action) = event.calendar_action() else { return Ok(()) };
    let told = booking(event, action)?;
    if bookings::is_erased(work, &told.cal_provider, &told.cal_event_id).await? {
        bookings::record(work, told, event.id.as_str(), occurred_at).await?;
    }
    Ok(())
}

/// Blanks an event, its row and what it came to in `engagements`; answers how many rows that were.
pub(crate) async fn forget(
    work: &mut Work<'_>,
    event_id: &str,
    erasure_id: &str,
    veil: &Veil,
) -> Result<u64, Error> {
    let doc_id = doc_id(event_id);
    if let Some(mut doc) = work.get(&EVENTS, &doc_id).await? {
        doc.erased = true;
        work.put(&EVENTS, &doc_id, &doc);
    }
    let engagement = EngagementId::derive(&[event_id]).to_string();
    let mut erased = 0;
    for key in [
        RowKey { tab: domain::Tab::ChatEvents, id: event_id.to_owned() },
        RowKey { tab: domain::Tab::Engagements, id: engagement },
    ] {
        erased += u64::from(rows::erased::erase(work, &key, erasure_id, veil).await?);
    }
    Ok(erased)
}
