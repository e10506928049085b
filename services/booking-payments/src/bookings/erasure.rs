//! Forgetting a person: their meetings are blanked, what they asked for is deleted.
//!
//! Times, status and uids stay: a meeting is recognised when Cal.com tells of it again, and nothing comes back; of a meeting
//! that Cal.com tells of only later, they are remembered as forgotten. The invariant: what is counted was blanked or deleted
//! in the commit that counts it.

use std::time::{Duration, Instant};

use proto::common::v1::Person;
use providers::{erasure::Forgets, error::Error, forgotten, known::Known};
use serde_json::json;
use store::{Attempts, Index, Query, Work, erasing::Erasures};

use super::{
    BY_EMAIL, BY_PHONE, BY_VISITOR, BY_WHOP_USER, Calendar, INTENTS_BY_VISITOR, INTENTS_BY_WHOP_USER,
    intents::{self, INTENTS},
    meeting::MEETINGS,
};

/// What one call may take.
const PORTION: Duration = Duration::from_secs(3);
/// Documents of one question to the store.
const PAGE: u32 = 100;

#[async_trait::async_trait]
impl Forgets for Calendar {
    async fn forget(
        &self,
        person: &Person,
        erasures: &Erasures,
        erasure: &str,
    ) -> Result<Option<String>, Error> {
        let until = Instant::now() + PORTION;
        self.note_forgotten(person).await?;
        let known = Known::of(person);
        for one in &known {
            let index = match one {
                Known::Visitor(_) => &BY_VISITOR,
                Known::WhopUser(_) => &BY_WHOP_USER,
                Known::Email(_) => &BY_EMAIL,
                Known::Phone(_) => &BY_PHONE,
            };
            while let Some(ids) = self.some(index, one.value()).await? {
                if Instant::now() > until {
                    return Ok(Some("more bookings".to_owned()));
                }
                for id in ids {
                    self.blank(&id, erasures, erasure).await?;
                }
            }
        }
        for one in &known {
            let index = match one {
                Known::Visitor(_) => &INTENTS_BY_VISITOR,
                Known::WhopUser(_) => &INTENTS_BY_WHOP_USER,
                Known::Email(_) | Known::Phone(_) => continue,
            };
            while let Some(ids) = self.some(index, one.value()).await? {
                if Instant::now() > until {
                    return Ok(Some("more bookings".to_owned()));
                }
                for id in ids {
                    self.delete_intent(&id, erasures, erasure).await?;
                }
            }
        }
        Ok(None)
    }
}

impl Calendar {
    /// What comes from now on finds them forgotten, and what came before is found here.
    async fn note_forgotten(&self, person: &Person) -> Result<(), Error> {
        let mut attempts = Attempts::default();
        loop {
            let mut work = Work::new(&*self.store);
            forgotten::note(&mut work, person, (self.clock)()).await?;
            if attempts.commit(work).await? {
                return Ok(());
            }
        }
    }

    /// Deletes an intent as part of `work`; a booking that is being made of it names nobody.
    async fn drop_intent(&self, work: &mut Work<'_>, id: &str) -> Result<bool, Error> {
        if id.is_empty() || work.get(&INTENTS, id).await?.is_none() {
            return Ok(false);
        }
        work.delete(&INTENTS, id);
        let keys = intents::forgotten_key(id).into_iter().collect();
        forgotten::note_keys(work, keys, (self.clock)()).await?;
        Ok(true)
    }

    /// Ids of some documents under a value; `None` if there are none left.
    async fn some(&self, index: &'static Index, value: &str) -> Result<Option<Vec<String>>, Error> {
        let page = self.store.query(Query::new(index, [json!(value)]).limit(PAGE)).await?;
        let ids: Vec<_> = page.documents.into_iter().map(|document| document.id).collect();
        Ok((!ids.is_empty()).then_some(ids))
    }

    async fn blank(&self, id: &str, erasures: &Erasures, erasure: &str) -> Result<(), Error> {
        let mut attempts = Attempts::default();
        loop {
            let mut work = Work::new(&*self.store);
            let Some(mut meeting) = work.get(&MEETINGS, id).await?.filter(|meeting| !meeting.erased) else {
                return Ok(());
            };
            let intent = std::mem::take(&mut meeting.intent);
            meeting.blank();
            work.put(&MEETINGS, id, &meeting);
            let has_intent = self.drop_intent(&mut work, &intent).await?;
            let count = |progress: &mut store::erasing::Progress| {
                progress.count("meetings", 1);
                progress.count("booking_intents", i64::from(has_intent));
            };
            erasures.note_in(&mut work, erasure, count).await?;
            if attempts.commit(work).await? {
                return Ok(());
            }
        }
    }

    async fn delete_intent(&self, id: &str, erasures: &Erasures, erasure: &str) -> Result<(), Error> {
        let mut attempts = Attempts::default();
        loop {
            let mut work = Work::new(&*self.store);
            if !self.drop_intent(&mut work, id).await? {
                return Ok(());
            }
            erasures.note_in(&mut work, erasure, |progress| progress.count("booking_intents", 1)).await?;
            if attempts.commit(work).await? {
                return Ok(());
            }
        }
    }
}
