//! What a caller may see and change: what they asked for.
//!
//! The invariant: a meeting of somebody else, of nobody, of a person who was forgotten and no meeting at all are the same
//! answer. An e-mail opens nothing.

use std::cmp::Reverse;

use domain::{Fault, Kind, Reason, id};
use providers::{error::Error, owner::Owner};
use serde_json::json;
use store::{Index, Query};

use super::{BY_VISITOR, BY_WHOP_USER, Calendar, Meeting, meeting::MEETINGS};

/// Meetings of one question to the store.
const PORTION: u32 = 200;

/// A page of a caller's meetings.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Owned {
    /// The meetings, the newest first.
    pub(crate) meetings: Vec<Meeting>,
    /// The id after which the next page begins.
    pub(crate) next: Option<String>,
}

/// There is no such meeting for this caller.
pub(super) fn unknown() -> Error {
    Fault::new(Kind::NotFound, Reason::BookingUnknown, "there is no such booking").into()
}

impl Calendar {
    /// A meeting, whoever's it is.
    pub(crate) async fn meeting(&self, id: &str) -> Result<Option<Meeting>, Error> {
        Ok(MEETINGS.get(&*self.store, id).await?.map(|found| found.value))
    }

    /// A meeting of this caller.
    ///
    /// # Errors
    /// `BOOKING_UNKNOWN`.
    pub(crate) async fn owned(&self, owner: &Owner, id: &str) -> Result<Meeting, Error> {
        if id::check(id).is_err() {
            return Err(unknown());
        }
        self.meeting(id).await?.filter(|meeting| meeting.owner.is(owner)).ok_or_else(unknown)
    }

    /// A page of this caller's meetings, the newest first, after the one with the id `after`.
    ///
    /// # Errors
    /// There is no such meeting to go on after.
    pub(crate) async fn all_owned(
        &self,
        owner: &Owner,
        after: Option<&str>,
        size: usize,
    ) -> Result<Owned, Error> {
        let mut meetings = Vec::new();
        for (index, value) in [(&BY_VISITOR, &owner.visitor), (&BY_WHOP_USER, &owner.whop_user)] {
            if !value.is_empty() {
                meetings.extend(self.found(index, value).await?);
            }
        }
        meetings.retain(|meeting| meeting.owner.is(owner));
        // Nobody has so many meetings that they would not be sorted at once.
        meetings.sort_by_key(|meeting| Reverse((meeting.created_at, meeting.id())));
        meetings.dedup_by_key(|meeting| meeting.id());
        let begin = match after {
            None => 0,
            Some(after) => {
                let at = meetings.iter().position(|meeting| meeting.id() == after);
                at.ok_or_else(|| Fault::invalid("page_token", "page_token is not one of this list"))? + 1
            }
        };
        let rest = meetings.split_off(begin);
        let next = (rest.len() > size).then(|| rest[size - 1].id());
        Ok(Owned { meetings: rest.into_iter().take(size).collect(), next })
    }

    /// All meetings that an index has under a value.
    pub(super) async fn found(&self, index: &'static Index, value: &str) -> Result<Vec<Meeting>, Error> {
        let (mut meetings, mut after) = (Vec::new(), None);
        loop {
            let query = Query::new(index, [json!(value)]).limit(PORTION).after(after);
            let page = self.store.query(query).await?;
            for document in page.documents {
                meetings.push(MEETINGS.read(document)?.value);
            }
            match page.next {
                Some(next) => after = Some(next),
                None => return Ok(meetings),
            }
        }
    }
}
