//! What an operator does with deliveries: look, send again, try a destination.
//!
//! The invariant: nothing here says more of a destination than its name and origin, or shows what was in an event.

use std::{
    collections::HashSet,
    sync::{Arc, atomic::Ordering},
    time::{Duration, Instant},
};

use domain::{Fault, id::EventId};
use jiff::SignedDuration;
use serde_json::json;
use store::{Commit, Found};

use super::{
    Deliveries, Outlet, catalogue,
    post::Answer,
    record::{self, DELIVERIES, Record, State},
};
use crate::error::{Error, erased};

/// Deliveries that are looked at together.
const PAGE: u32 = 200;
/// What is renewed is due at once, in its order.
const RENEWED: SignedDuration = SignedDuration::from_secs(1);
/// The sample of a test where none is named.
const SAMPLE: &str = "chat.turn";

/// What came of a test.
#[derive(Debug)]
pub(crate) struct Tested {
    pub(crate) event_id: String,
    pub(crate) answer: Answer,
    pub(crate) took: Duration,
}

// === impl Deliveries ===

impl Deliveries {
    /// The destinations, in the order of the settings.
    pub(crate) fn outlets(&self) -> &[Arc<Outlet>] {
        &self.outlets
    }

    /// One page of the deliveries in a state, of one destination or all, and the cursor of the next.
    pub(crate) async fn list(
        &self,
        state: State,
        destination: &str,
        limit: u32,
        after: Option<String>,
    ) -> Result<(Vec<Found<Record>>, Option<String>), Error> {
        Ok(record::list(&*self.store, state, destination, limit, after).await?)
    }

    /// Makes one delivery due again.
    pub(crate) async fn resend(&self, delivery_id: &str) -> Result<u32, Error> {
        let unknown = || Fault::invalid("delivery_id", "there is no such delivery");
        // an id that no document can have is as unknown as any other
        domain::id::check(delivery_id).map_err(|_| unknown())?;
        loop {
            let found = DELIVERIES.get(&*self.store, delivery_id).await?.ok_or_else(unknown)?;
            if found.value.erased {
                return Err(erased());
            }
            let outlet = self.outlet(&found.value.destination)?;
            if self.renew(found, 0).await? {
                outlet.turn_on();
                return Ok(1);
            }
        }
    }

    /// Makes all parked deliveries of a destination due again, in their order and each once.
    pub(crate) async fn resend_parked(&self, destination: &str) -> Result<u32, Error> {
        let outlet = self.outlet(destination)?;
        let (mut resent, mut after) = (HashSet::new(), None);
        // before the first one is due: one that is under way may be parked otherwise
        outlet.turn_on();
        loop {
            let (page, next) = record::list(&*self.store, State::Parked, destination, PAGE, after).await?;
            for found in page.into_iter().filter(|found| !found.value.erased) {
                // one that is refused and parked again meanwhile stands further on in the list
                let (id, place) = (found.id.clone(), resent.len() as u32);
                if !resent.contains(&id) && self.renew(found, place).await? {
                    resent.insert(id);
                }
            }
            outlet.wake.notify_one();
            after = next;
            if after.is_none() {
                return Ok(resent.len() as u32);
            }
        }
    }

    /// Sends a sample of a type now, and once.
    pub(crate) async fn test(&self, destination: &str, kind: &str) -> Result<Tested, Error> {
        let outlet = self.outlet(destination)?;
        let kind = if kind.is_empty() { SAMPLE } else { kind };
        let entry = catalogue::find(kind)
            .ok_or_else(|| Fault::invalid("event_type", "event_type is not in the catalogue"))?;
        let now = (self.clock)();
        let event_id = EventId::generate(now).to_string();
        let mut body = entry.example;
        body["id"] = json!(event_id);
        body["occurred_at"] = json!(now);
        body["test"] = json!(true);
        let began = Instant::now();
        let answer = self.post.send(&outlet.destination, &event_id, &body.to_string(), now).await;
        if answer.error.is_none() {
            outlet.turn_on();
        }
        Ok(Tested { event_id, answer, took: began.elapsed() })
    }

    fn outlet(&self, name: &str) -> Result<&Arc<Outlet>, Fault> {
        let named = |outlet: &&Arc<Outlet>| outlet.destination.name == name;
        let found = self.outlets.iter().find(named);
        found.ok_or_else(|| Fault::invalid("destination", "there is no such destination"))
    }

    /// False if somebody else has changed it meanwhile.
    async fn renew(&self, mut found: Found<Record>, place: u32) -> Result<bool, Error> {
        // a microsecond apart, as they were
        found.value.renew((self.clock)() - RENEWED + SignedDuration::from_micros(place.into()));
        match record::save(&*self.store, &found).await? {
            Commit::Done(_) => Ok(true),
            Commit::Conflict => Ok(false),
            Commit::Unknown => Err(store::Error::Unknown.into()),
        }
    }
}

// === impl Outlet ===

impl Outlet {
    fn turn_on(&self) {
        self.gone.store(false, Ordering::Relaxed);
        self.wake.notify_one();
    }

    /// It answered 410 and nobody has turned it on since.
    pub(crate) fn is_off(&self) -> bool {
        self.gone.load(Ordering::Relaxed)
    }
}
