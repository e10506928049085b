//! Which booking a contact has at which start: by that, events without a uid are matched.
//!
//! One document per contact, so that a merge, and an event that comes at the same moment, write the same document. The
//! invariant: once a contact is an alias, its slots are the survivor's.

use std::collections::BTreeMap;

use domain::id;
use serde::{Deserialize, Serialize};
use store::{Collection, Work};

use crate::error::Error;

const SLOTS: Collection<Slots> = Collection::new("booking_slots");
/// Most starts that are kept of a contact; those that lie furthest back go.
const MOST: usize = 1_000;

/// The bookings of a contact, by start.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Slots {
    /// The booking that took the start last.
    pub(super) starts: BTreeMap<String, String>,
    /// The contact that has them now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    moved_to: Option<String>,
}

fn doc_id(contact_id: &str) -> String {
    id::digest(&["slots", contact_id])
}

/// The slots of a contact, or of the one that it was merged into, and whose they are.
pub(super) async fn of(work: &mut Work<'_>, contact_id: &str) -> Result<(String, Slots), Error> {
    let mut contact_id = contact_id.to_owned();
    loop {
        let slots = work.get(&SLOTS, &doc_id(&contact_id)).await?.unwrap_or_default();
        match slots.moved_to {
            Some(survivor) => contact_id = survivor,
            None => return Ok((contact_id, slots)),
        }
    }
}

/// Has a booking take a start.
pub(super) async fn take(
    work: &mut Work<'_>,
    contact_id: &str,
    start: &str,
    booking_id: &str,
) -> Result<(), Error> {
    let (owner, mut slots) = of(work, contact_id).await?;
    if slots.starts.get(start).map(String::as_str) != Some(booking_id) {
        slots.starts.insert(start.to_owned(), booking_id.to_owned());
        put(work, &owner, slots);
    }
    Ok(())
}

/// Writes the slots of a contact that were read.
pub(super) fn put(work: &mut Work<'_>, contact_id: &str, mut slots: Slots) {
    while slots.starts.len() > MOST {
        slots.starts.pop_first();
    }
    work.put(&SLOTS, &doc_id(contact_id), &slots);
}

/// Takes the slots of a contact that becomes an alias.
pub(super) async fn take_all(
    work: &mut Work<'_>,
    loser: &str,
    survivor: &str,
) -> Result<BTreeMap<String, String>, Error> {
    let (owner, slots) = of(work, loser).await?;
    // Written even if there were none: an event of the same moment finds out.
    let moved = Slots { starts: BTreeMap::new(), moved_to: Some(survivor.to_owned()) };
    work.put(&SLOTS, &doc_id(&owner), &moved);
    Ok(slots.starts)
}
