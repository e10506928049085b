//! Free slots, remembered for seconds.
//!
//! An agent asks for the same days again and again while somebody makes up their mind. The invariant: what was fetched
//! before a booking was made, moved or cancelled here is not answered after it, not even by a fetch that ends later.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use jiff::{SignedDuration, Timestamp, tz::TimeZone};
use moka::future::Cache;

use super::Calendar;
use providers::{api::Failure, error::Error};

use crate::calcom::{Range, days};

/// How long an answer is good.
const FRESH: Duration = Duration::from_secs(5);
/// Most answers that are remembered.
const MOST: u64 = 1_000;
/// Where free slots are looked for, in days: soon, and else as far as anybody may ask.
const SOON: i64 = 14;
/// The longest range of a question, in days.
pub(super) const LONGEST: i64 = 60;
/// What a range must have beyond a start to show it.
const STEP: SignedDuration = SignedDuration::from_mins(1);
/// How many slots are offered in place of one that is taken.
pub(super) const OFFERED: usize = 3;

/// What is remembered.
pub(super) struct Shelf {
    answers: Cache<(u64, Range), Arc<Vec<Timestamp>>>,
    /// Counts what was booked: an answer belongs to the time in which it was asked for.
    generation: AtomicU64,
}

impl Default for Shelf {
    fn default() -> Self {
        let answers = Cache::builder().max_capacity(MOST).time_to_live(FRESH).build();
        Self { answers, generation: AtomicU64::new(0) }
    }
}

impl Shelf {
    /// Something was booked, moved or cancelled.
    pub(super) fn drop_all(&self) {
        self.generation.fetch_add(1, Ordering::SeqCst);
        self.answers.invalidate_all();
    }
}

impl Calendar {
    /// Free starts of a range, the earliest first; some seconds old.
    pub(crate) async fn slots(&self, range: Range) -> Result<Arc<Vec<Timestamp>>, Error> {
        let key = (self.slots.generation.load(Ordering::SeqCst), range);
        if let Some(known) = self.slots.answers.get(&key).await {
            return Ok(known);
        }
        let slots = Arc::new(self.client.slots(&key.1).await?);
        self.slots.answers.insert(key, slots.clone()).await;
        Ok(slots)
    }

    /// The next `count` free starts from `after` on, as they are now.
    pub(crate) async fn next_free(
        &self,
        event_type: i64,
        after: Timestamp,
        count: usize,
    ) -> Result<Vec<Timestamp>, Error> {
        let after = after.max((self.clock)());
        let mut free = self.client.slots(&days(event_type, after, SOON)).await?;
        if free.len() < count {
            free = self.client.slots(&days(event_type, after, LONGEST)).await?;
        }
        free.retain(|start| *start >= after);
        free.truncate(count);
        Ok(free)
    }

    /// What a refusal means: the next free starts if `start` is not free, by Cal.com's own word of now. Texts of errors
    /// are not interpreted: a start that is taken is 400 or 409 when it is booked and 422 when it is reserved.
    pub(super) async fn next_if_taken(
        &self,
        event_type: i64,
        start: Timestamp,
        moving: Option<&str>,
        failure: Failure,
    ) -> Result<Vec<Timestamp>, Error> {
        if !may_be_taken(&failure) {
            return Err(failure.into());
        }
        self.slots.drop_all();
        self.next_if_lost(event_type, start, moving).await?.ok_or_else(|| failure.into())
    }

    /// The next free starts if `start` is not free, by Cal.com's own word of now; `None` if it is.
    pub(super) async fn next_if_lost(
        &self,
        event_type: i64,
        start: Timestamp,
        moving: Option<&str>,
    ) -> Result<Option<Vec<Timestamp>>, Error> {
        let from = |from| Range { moving: moving.map(str::to_owned), ..days(event_type, from, SOON) };
        let mut free = self.client.slots(&from(start)).await?;
        if free.contains(&start) {
            return Ok(None);
        }
        // Cal.com counts its steps from the beginning of the range or of the working hours, whichever is later: a start is
        // free as well if it is one of its day's.
        let day = start.saturating_sub(SignedDuration::from_hours(24)).unwrap_or(start);
        if self.client.slots(&Range { to: start + STEP, ..from(day) }).await?.contains(&start) {
            return Ok(None);
        }
        if free.len() < OFFERED {
            free = self.next_free(event_type, start, OFFERED).await?;
        }
        free.retain(|other| *other > start);
        free.truncate(OFFERED);
        Ok(Some(free))
    }
}

/// Whether a refusal may be about the slot and not about us.
pub(super) fn may_be_taken(failure: &Failure) -> bool {
    matches!(failure, Failure::Refused { status, .. } if matches!(status.as_u16(), 400 | 409 | 422))
}

/// A moment in an IANA time zone, RFC 3339 with its offset; in UTC if there is no such zone.
pub(crate) fn local(at: Timestamp, zone: &str) -> String {
    let zone = TimeZone::get(zone).unwrap_or(TimeZone::UTC);
    at.to_zoned(zone).strftime("%Y-%m-%dT%H:%M:%S%:z").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn locals(starts: [&str; 3], zone: &str) -> [String; 3] {
        starts.map(|start| local(start.parse().unwrap(), zone))
    }

    #[test]
    fn local_times_follow_the_clocks_of_their_zone() {
        let autumn = ["2026-10-24T23:30:00Z", "2026-10-25T00:30:00Z", "2026-10-25T01:30:00Z"];
        let spring = ["2027-03-28T00:30:00Z", "2027-03-28T01:00:00Z", "2027-03-28T01:30:00Z"];
        assert_eq!(
            locals(autumn, "Europe/Berlin"),
            ["2026-10-25T01:30:00+02:00", "2026-10-25T02:30:00+02:00", "2026-10-25T02:30:00+01:00"]
        );
        assert_eq!(
            locals(spring, "Europe/Berlin"),
            ["2027-03-28T01:30:00+01:00", "2027-03-28T03:00:00+02:00", "2027-03-28T03:30:00+02:00"]
        );
        let autumn = ["2026-11-01T05:30:00Z", "2026-11-01T06:00:00Z", "2026-11-01T06:30:00Z"];
        let spring = ["2027-03-14T06:30:00Z", "2027-03-14T07:00:00Z", "2027-03-14T07:30:00Z"];
        assert_eq!(
            locals(autumn, "America/New_York"),
            ["2026-11-01T01:30:00-04:00", "2026-11-01T01:00:00-05:00", "2026-11-01T01:30:00-05:00"]
        );
        assert_eq!(
            locals(spring, "America/New_York"),
            ["2027-03-14T01:30:00-05:00", "2027-03-14T03:00:00-04:00", "2027-03-14T03:30:00-04:00"]
        );
        assert_eq!(local("2026-10-25T01:30:00Z".parse().unwrap(), "Mars/Base"), "2026-10-25T01:30:00+00:00");
    }
}
