//! The one way by which a meeting's document changes: read it, ask Cal.com, commit against what was read.
//!
//! Webhooks, looks and our own calls all end here. The invariants: a document is read before the booking that it takes is
//! fetched, so whoever commits last has looked last; a meeting is found by any of its uids, in whichever order they come; and
//! what Cal.com's copies show late, or what names somebody who was forgotten since, takes nothing back.

use std::cmp::Ordering;

use jiff::{SignedDuration, Timestamp};
use providers::{
    books::{Telling, tell},
    error::Error,
    forgotten,
};
use store::{Attempts, Work};

use super::{
    Calendar, intents,
    meeting::{Lead, MEETINGS, Meeting, Status, UIDS, id_of, lead_id},
};
use crate::{
    calcom::wire::{self, Booking},
    notices,
};

/// Most moves of one meeting that are followed.
const LONGEST_CHAIN: usize = 64;

/// How far a copy from which Cal.com reads may be behind.
pub(super) const LAG: SignedDuration = SignedDuration::from_mins(2);

/// Why a meeting is looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Cause {
    /// A caller of ours does something with it.
    Own,
    /// Cal.com told of it.
    Told,
}

/// A look at a booking.
#[derive(Clone, Copy, Debug)]
pub(super) struct Look<'l> {
    /// The booking.
    pub(super) uid: &'l str,
    /// Proves who asked for it, as a booking's metadata does.
    pub(super) token: Option<&'l str>,
    /// Why.
    pub(super) cause: Cause,
    /// What Cal.com answered when it made or changed a booking of this meeting: fetching it may show less.
    pub(super) shown: Option<&'l Booking>,
}

/// Whom a meeting names.
#[derive(Default)]
struct Named {
    /// By what they may have been forgotten.
    keys: Vec<String>,
    /// The keys of intents of somebody who was.
    intents: Vec<String>,
    /// When they asked for it.
    asked_at: Timestamp,
}

/// What Cal.com said on a walk through the bookings of a meeting.
struct Walk {
    /// The uids, the first one first.
    uids: Vec<String>,
    /// The booking that stands for the meeting now.
    current: Booking,
    /// What may prove who asked for it.
    tokens: Vec<String>,
    /// When it was first booked; `None` if only known bookings were walked.
    created_at: Option<Timestamp>,
}

/// What there is on the way back from a uid.
enum Root {
    /// Its meeting is known, or it begins one.
    Here(Option<Box<Booking>>),
    /// It stands for this booking.
    Earlier(String),
}

// === impl Look ===

impl<'l> Look<'l> {
    /// A look on behalf of a caller.
    pub(super) fn at(uid: &'l str) -> Self {
        Self { uid, token: None, cause: Cause::Own, shown: None }
    }
}

impl Calendar {
    /// Looks at the booking with this uid and takes what Cal.com says of its meeting. `None` if there is none.
    ///
    /// # Errors
    /// Cal.com's or the store's.
    pub(crate) async fn refresh(&self, uid: &str) -> Result<Option<Meeting>, Error> {
        self.refresh_of(Look::at(uid)).await
    }

    /// As [`Self::refresh`], because a provider told of it: the visitor is told what changed.
    pub(super) async fn refresh_told(&self, uid: &str) -> Result<Option<Meeting>, Error> {
        self.refresh_of(Look { cause: Cause::Told, ..Look::at(uid) }).await
    }

    /// As [`Self::refresh`], of which more is known.
    pub(super) async fn refresh_of(&self, look: Look<'_>) -> Result<Option<Meeting>, Error> {
        let Look { uid, token, cause, .. } = look;
        let mut attempts = Attempts::default();
        // Leads from the earliest booking that is known to `uid`.
        let mut path = vec![uid.to_owned()];
        loop {
            let mut work = Work::new(&*self.store);
            let id = match work.get(&UIDS, &lead_id(&path[0])).await? {
                Some(lead) => lead.meeting,
                None => id_of(&path[0]),
            };
            let before: Option<Meeting> = work.get(&MEETINGS, &id).await?;
            let is_newer = |shown: &&Booking| {
                before.as_ref().is_none_or(|before| before.updated_at <= shown.touched_at())
            };
            let shown = look.shown.filter(is_newer);
            let first = match self.root(&path, before.is_some(), shown).await? {
                Root::Here(first) => first,
                Root::Earlier(earlier) => {
                    path.insert(0, earlier);
                    continue;
                }
            };
            let chain = joined(before.as_ref(), &path);
            let Some(mut walk) = self.walk(chain, first.map(|first| *first), shown).await? else {
                return Ok(before);
            };
            walk.tokens.extend(token.map(str::to_owned));
            let (after, named) = self.put(&mut work, before, walk, cause).await?;
            let is_news = !work.is_empty();
            if attempts.commit(work).await? {
                if is_news {
                    self.slots.drop_all();
                    self.tellings.wake();
                    // Whoever forgets them at this moment may have looked before there was a document to see.
                    if !after.erased && named.are_forgotten(&mut Work::new(&*self.store)).await? {
                        continue;
                    }
                }
                return Ok(Some(after));
            }
        }
    }

    /// A booking, as it was shown or as it is now.
    async fn fetch(&self, uid: &str, shown: Option<&Booking>) -> Result<Option<Booking>, Error> {
        match shown.filter(|shown| shown.uid == uid) {
            Some(shown) => Ok(Some(shown.clone())),
            None => Ok(self.client.booking(uid).await?),
        }
    }

    /// Whether there is an earlier booking to begin with. One that Cal.com has no more still gives the meeting its name.
    async fn root(&self, path: &[String], known: bool, shown: Option<&Booking>) -> Result<Root, Error> {
        if known {
            return Ok(Root::Here(None));
        }
        let Some(first) = self.fetch(&path[0], shown).await? else { return Ok(Root::Here(None)) };
        match &first.rescheduled_from_uid {
            Some(earlier) if !path.contains(earlier) && path.len() < LONGEST_CHAIN => {
                Ok(Root::Earlier(earlier.clone()))
            }
            _ => Ok(Root::Here(Some(Box::new(first)))),
        }
    }

    /// Walks on from the last of these uids to the booking that stands for the meeting now. `None` if Cal.com does not
    /// have it.
    async fn walk(
        &self,
        mut uids: Vec<String>,
        first: Option<Booking>,
        shown: Option<&Booking>,
    ) -> Result<Option<Walk>, Error> {
        let created_at = first.as_ref().map(|first| first.created_at);
        let mut tokens: Vec<_> = first.iter().filter_map(intents::token_of).collect();
        let last = uids.last().cloned().unwrap_or_default();
        let begun = match first.filter(|first| first.uid == last) {
            Some(first) => Some(first),
            None => self.fetch(&last, shown).await?,
        };
        let Some(mut current) = begun else { return Ok(None) };
        while let Some(next) = current.rescheduled_to_uid.clone() {
            tokens.extend(intents::token_of(&current));
            if uids.contains(&next) || uids.len() >= LONGEST_CHAIN {
                break;
            }
            let Some(booking) = self.fetch(&next, shown).await? else { break };
            uids.push(next);
            current = booking;
        }
        tokens.extend(intents::token_of(&current));
        tokens.dedup();
        Ok(Some(Walk { uids, current, tokens, created_at }))
    }

    /// Puts what was said into the document, its uids and the queue of what the books are told; nothing if it is no news.
    async fn put(
        &self,
        work: &mut Work<'_>,
        before: Option<Meeting>,
        walk: Walk,
        cause: Cause,
    ) -> Result<(Meeting, Named), Error> {
        let now = (self.clock)();
        let Walk { uids, current, tokens, created_at } = walk;
        if let Some(before) = before.as_ref().filter(|before| is_stale(before, &current, now)) {
            return Ok((before.clone(), Named::default()));
        }
        let mut after = before
            .clone()
            .unwrap_or_else(|| Meeting::booked_at(created_at.unwrap_or(current.created_at), self.live));
        after.take(uids, &current);
        if before.is_none() && after.status == Status::Canceled {
            after.was_booked = self.was_made(&current).await?;
        }
        let mut asked_at = after.created_at;
        if after.owner.is_nobody() && !after.erased {
            for token in &tokens {
                if let Some(bound) = intents::bind(work, token, &after.uids[0]).await? {
                    asked_at = asked_at.max(bound.asked_at);
                    after.give(bound.owner, &bound.id);
                    break;
                }
            }
        }
        let named = Named::by(&after, &tokens, asked_at);
        if !after.erased && named.are_forgotten(work).await? {
            after.blank();
        }
        if let Some(before) = before.as_ref().filter(|before| before.says(&after)) {
            return Ok((before.clone(), named));
        }
        after.version += 1;
        let id = after.id();
        for uid in &after.uids {
            if work.get(&UIDS, &lead_id(uid)).await?.is_none() {
                work.put(&UIDS, &lead_id(uid), &Lead { meeting: id.clone() });
            }
        }
        work.put(&MEETINGS, &id, &after);
        tell(work, &Telling::Booking(id), now).await?;
        // What the visitor does here, they are told in the answer.
        let is_theirs = cause == Cause::Own || after.acting.is_some_and(|until| now < until);
        let before = before.filter(|_| !is_theirs && !after.erased);
        if let Some(notice) = before.and_then(|before| notices::of_meeting(&before, &after)) {
            tell(work, &Telling::Notice(notice), now).await?;
        }
        Ok((after, named))
    }
}

// === impl Named ===

impl Named {
    fn by(meeting: &Meeting, tokens: &[String], asked_at: Timestamp) -> Self {
        let Meeting { owner, attendee, .. } = meeting;
        let of_tokens = tokens.iter().filter_map(|token| intents::forgotten_key(intents::id_of(token)?));
        Self {
            keys: forgotten::keys(owner, &attendee.email, &attendee.phone),
            intents: of_tokens.collect(),
            asked_at,
        }
    }

    /// Whether they were forgotten after they had asked for it, or while they did.
    async fn are_forgotten(&self, work: &mut Work<'_>) -> Result<bool, Error> {
        let left = forgotten::since(work, &self.keys).await?;
        if left.is_some_and(|left| self.asked_at <= left) {
            return Ok(true);
        }
        Ok(forgotten::since(work, &self.intents).await?.is_some())
    }
}

/// Whether a booking is what its document is ahead of. What changed at the same moment cannot bring back what is over.
fn is_stale(known: &Meeting, booking: &Booking, now: Timestamp) -> bool {
    let is_alive = matches!(booking.status, wire::Status::Accepted | wire::Status::Pending);
    let is_behind = match booking.touched_at().cmp(&known.updated_at) {
        Ordering::Less => true,
        Ordering::Equal => is_alive && !known.is_alive(),
        Ordering::Greater => false,
    };
    // Two of Cal.com's clocks may differ: what is behind for long is right.
    is_behind && known.uid() == booking.uid && now.duration_since(known.updated_at).abs() < LAG
}

/// The uids that are known and those of a path that leads on from them.
fn joined(before: Option<&Meeting>, path: &[String]) -> Vec<String> {
    let mut uids = before.map(|meeting| meeting.uids.clone()).unwrap_or_default();
    for uid in path {
        if !uids.contains(uid) {
            uids.push(uid.clone());
        }
    }
    uids
}
