//! Forgetting a person: every notice that names them, sent or not.
//!
//! What was sent is with those who got it. The invariant: what is counted was removed in the commit that counts it, and a
//! notice that is gone is sent by nobody.

use std::sync::Arc;

use proto::common::v1::Person;
use store::{
    Attempts, Query, Store, Work,
    erasing::{self, Erased, Eraser, Erasures},
    inbox::Mentions,
};
use tonic::Status;

use crate::{
    error::{Error, refuse},
    notices::{LANES, NEWEST, NOTICES, SENDINGS, lane_name, sending_id},
};

/// Notices that are looked at in one call.
const MOST: usize = 20;
/// Notices that are read at once.
const STEP: u32 = 200;

/// The use case.
pub(crate) struct Erasure {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) erasures: Erasures,
}

impl Erasure {
    async fn erase(&self, erasure: &str, person: &Person) -> Result<Erased, Error> {
        let mentions = mentions(person);
        let waiting_for = if self.forget(erasure, &mentions).await? {
            let is_gone = self.erasures.scrub(erasure).await?;
            (!is_gone).then(|| erasing::BACKUP.to_owned())
        } else {
            Some("more notices".to_owned())
        };
        Ok(Erased { progress: self.erasures.get(erasure).await?, waiting_for })
    }

    /// Removes what names them; false if there is more than one call takes.
    async fn forget(&self, erasure: &str, mentions: &Mentions) -> Result<bool, Error> {
        let (mut after, mut removed) = (None, 0);
        loop {
            let query = Query { order: store::Order::Descending, ..Query::new(&NEWEST, []) };
            let page = self.store.query(query.limit(STEP).after(after)).await?;
            for document in page.documents {
                if mentions.are_in_json(&document.body) {
                    self.remove(erasure, &document.id).await?;
                    removed += 1;
                }
            }
            after = page.next;
            if after.is_none() {
                return Ok(true);
            }
            if removed >= MOST {
                return Ok(false);
            }
        }
    }

    async fn remove(&self, erasure: &str, id: &str) -> Result<(), Error> {
        let mut attempts = Attempts::default();
        loop {
            let mut work = Work::new(&*self.store);
            let Some(notice) = work.get(&NOTICES, id).await? else { return Ok(()) };
            work.delete(&NOTICES, id);
            for channel in notice.channels {
                let sending = sending_id(id, channel);
                SENDINGS.remove(&mut work, &sending).await?;
                let name = lane_name(channel, &notice.kind);
                if let Some(mut lane) = work.get(&LANES, name).await?
                    && (lane.held.contains(&sending) || lane.told.contains(&sending))
                {
                    lane.leave(&sending);
                    work.put(&LANES, name, &lane);
                }
            }
            self.erasures.note_in(&mut work, erasure, |progress| progress.count("notices", 1)).await?;
            if attempts.commit(work).await? {
                return Ok(());
            }
        }
    }
}

fn mentions(person: &Person) -> Mentions {
    let Person { contact_ids, visitor_ids, whop_user_ids, emails, phones } = person;
    let names = [contact_ids, visitor_ids, whop_user_ids, emails].into_iter().flatten();
    Mentions::new(names.map(String::as_str)).and_phones(phones.iter().map(String::as_str))
}

#[tonic::async_trait]
impl Eraser for Erasure {
    async fn erase_person(&self, erasure_id: &str, person: Person) -> Result<Erased, Status> {
        self.erase(erasure_id, &person).await.map_err(refuse)
    }
}
