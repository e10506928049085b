//! How news of Cal.com reaches us: webhooks, and a look for what no webhook brought.
//!
//! The invariants: both end in [`Calendar::refresh`], and neither is believed beyond a uid; what Cal.com does not show yet is
//! asked for again until it has had time to, and no longer.

use std::collections::{HashMap, HashSet};

use domain::{Fault, Kind, Reason, id::hex};
use jiff::{SignedDuration, Timestamp};
use providers::{
    error::Error,
    provider::{self, Found, Provider, Verified},
};
use serde_json::json;
use sha2::{Digest as _, Sha256};
use store::queue::Trouble;

use super::{
    Calendar, Meeting,
    meeting::{MEETINGS, UIDS, lead_id},
    refresh::LAG,
};
use crate::calcom::{self, Since, hint, hint::Hint, signature, wire::Booking};

/// Most pages of one look.
const PAGES: u32 = 3;
/// How far Cal.com's clock may be behind ours: as much is looked at again.
const SKEW: SignedDuration = SignedDuration::from_mins(5);
/// What is found again within so many seconds is the same message.
const STRETCH: i64 = 600;
/// What Cal.com's times can tell apart.
const MOMENT: SignedDuration = SignedDuration::from_millis(1);
/// What tells that a booking is over.
const OVER: [&str; 2] = ["BOOKING_CANCELLED", "BOOKING_REJECTED"];
/// Most unknown triggers that are remembered as told.
const MOST_UNKNOWN: usize = 64;

#[async_trait::async_trait]
impl Provider for Calendar {
    fn name(&self) -> &'static str {
        calcom::NAME
    }

    fn verify(
        &self,
        headers: &HashMap<String, String>,
        body: &[u8],
        _now: Timestamp,
    ) -> Result<Verified, Fault> {
        let signature = headers.get(signature::HEADER).map_or("", String::as_str);
        if !signature::is_genuine(self.secrets.as_ref(), signature, body) {
            let why = "the signature is missing or wrong";
            return Err(Fault::new(Kind::Unauthenticated, Reason::SignatureWrong, why));
        }
        let kind =
            hint::trigger(body).ok_or_else(|| Fault::malformed("the body is no message of Cal.com's"))?;
        Ok(Verified { key: key(body), kind })
    }

    fn keep(&self, body: &[u8]) -> Vec<u8> {
        provider::only(body, hint::KEPT)
    }

    async fn follow(&self, kind: &str, body: &[u8]) -> Result<(), Trouble> {
        match hint::read(body) {
            Some(Hint::Bookings(uids)) => {
                let (mut seen, mut late) = (Vec::new(), None);
                for uid in uids {
                    if !seen.contains(&uid) {
                        let meeting = self.refresh_told(&uid).await?;
                        late = late.or(self.is_late(&uid, meeting.as_ref(), kind, body));
                        seen.extend(meeting.into_iter().flat_map(|meeting| meeting.uids));
                    }
                }
                late.map_or(Ok(()), |why| Err(Trouble::new(why)))
            }
            Some(Hint::Nothing) => Ok(()),
            Some(Hint::Unknown) => {
                self.tell_once(kind);
                Ok(())
            }
            None => Err(Trouble::hopeless("the message does not say which booking it is about")),
        }
    }

    async fn look(&self, since: Timestamp) -> Result<Found, Trouble> {
        let begun = (self.clock)();
        let mut found = Found { until: Some(since), ..Found::default() };
        let mut question = Since { updated_after: since, email: None, skip: 0 };
        let mut seen = HashSet::new();
        for _ in 0..PAGES {
            let (bookings, last) = self.client.bookings(&question).await.map_err(Error::from)?;
            for booking in &bookings {
                if !seen.insert((booking.uid.clone(), booking.touched_at())) {
                    continue;
                }
                found.seen += 1;
                if let Some(version) = self.missed(booking).await? {
                    found.missed.push(message(booking, version, begun));
                }
            }
            let newest = bookings.iter().map(Booking::touched_at).max();
            // Others of the same moment may be on the next page.
            found.until = found.until.max(newest.and_then(|newest| newest.saturating_sub(MOMENT).ok()));
            found.more = !last;
            if last {
                found.until = found.until.max(begun.saturating_sub(SKEW).ok());
                break;
            }
            question = question.after(&bookings);
        }
        Ok(found)
    }
}

impl Calendar {
    /// What a message tells and Cal.com does not show. It sends some before it writes them, and reads from copies that may
    /// be behind; after a while what it shows is taken for the truth, and a look finds what is missed.
    fn is_late(&self, uid: &str, meeting: Option<&Meeting>, kind: &str, body: &[u8]) -> Option<&'static str> {
        let (made_at, updated_at) = hint::times(body);
        if made_at.is_none_or(|made_at| (self.clock)().duration_since(made_at) > LAG) {
            return None;
        }
        let Some(meeting) = meeting else { return Some("cal.com does not show the booking yet") };
        if meeting.uid() != uid {
            return None;
        }
        if OVER.contains(&kind) && meeting.is_alive() {
            return Some("cal.com does not show yet that the booking is over");
        }
        let is_behind = updated_at.is_some_and(|updated_at| meeting.updated_at < updated_at);
        is_behind.then_some("cal.com does not show yet what it told of the booking")
    }

    /// The version of our document, 0 if there is none, if it lacks something that a booking says.
    async fn missed(&self, booking: &Booking) -> Result<Option<u64>, Error> {
        let Some(lead) = UIDS.get(&*self.store, &lead_id(&booking.uid)).await? else { return Ok(Some(0)) };
        let known = MEETINGS.get(&*self.store, &lead.value.meeting).await?;
        let Some(known) = known.map(|known| known.value) else { return Ok(Some(0)) };
        if let Some(next) = &booking.rescheduled_to_uid
            && !known.uids.contains(next)
        {
            return Ok(Some(known.version));
        }
        if known.uid() != booking.uid || booking.touched_at() < known.updated_at {
            return Ok(None);
        }
        let mut after = known.clone();
        after.take(known.uids.clone(), booking);
        Ok((!known.says(&after)).then_some(known.version))
    }

    /// Says once that a trigger means nothing to us.
    fn tell_once(&self, trigger: &str) {
        let mut told = self.unknown_triggers.lock().expect("nobody panics while holding it");
        if told.len() < MOST_UNKNOWN && told.insert(trigger.to_owned()) {
            tracing::info!(trigger, "cal.com sends a webhook that is not used");
        }
    }
}

/// What a webhook about this state of a booking would have been. It is another message where our document has changed or
/// some time has passed, since the first one may have met a copy that was behind.
fn message(booking: &Booking, version: u64, now: Timestamp) -> (Verified, Vec<u8>) {
    let end = (now.as_second().div_euclid(STRETCH) + 1) * STRETCH;
    let body = json!({
        "triggerEvent": hint::RECONCILED,
        "createdAt": Timestamp::from_second(end).unwrap_or(now),
        "payload": { "uid": booking.uid, "updatedAt": booking.touched_at(), "version": version },
    });
    let body = body.to_string().into_bytes();
    (Verified { key: key(&body), kind: hint::RECONCILED.to_owned() }, body)
}

/// Cal.com gives its messages no id: the same body is the same message.
fn key(body: &[u8]) -> String {
    hex(&Sha256::digest(body))
}
