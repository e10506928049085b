//! A provider of things that have an id and a version.
//!
//! A delivery is a JSON object with an `id` and the thing's id; its signature is a header. Following it commits the thing
//! as it stands at the provider, and tells of it.

use std::{
    collections::{BTreeMap, HashMap},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
};

use domain::{Fault, Kind, Reason};
use jiff::Timestamp;
use proto::sheets::v1::{
    BookingStatement, PaymentStatement, RecordBookingRequest, RecordPaymentRequest,
    RecordSubscriptionRequest, SubscriptionStatement,
};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use store::{
    Attempts, Clock, Collection, Store, Work,
    inbox::Inbox,
    queue::{Trouble, Worker},
};

use crate::{
    books::{self, Documents, Stated, Statement, Telling},
    provider::{Found, Provider, Verified},
};

const THINGS: Collection<Thing> = Collection::new("things");
pub(super) const NAME: &str = "scripted";

/// A thing as we know it.
#[derive(Serialize, Deserialize)]
struct Thing {
    version: u64,
}

/// The provider's own world.
#[derive(Default)]
pub(super) struct World {
    /// Version of each thing.
    pub(super) things: Mutex<BTreeMap<String, u64>>,
    /// Each call fails with this.
    pub(super) trouble: Mutex<Option<Trouble>>,
    /// Messages that were followed.
    pub(super) followed: Mutex<Vec<String>>,
    /// What it has sent or wanted to: when, key and body.
    pub(super) messages: Mutex<Vec<(Timestamp, String, String)>>,
    /// From when on it was looked at.
    pub(super) looks: Mutex<Vec<Timestamp>>,
    /// It answers nobody.
    pub(super) hangs: AtomicBool,
    /// It says that there is more.
    pub(super) more: Mutex<bool>,
    /// So many messages it lists at a time, where it does not list all.
    pub(super) portion: Mutex<Option<usize>>,
    /// Where it would go on after a look.
    pub(super) place: Mutex<Option<Value>>,
    /// Where it was told to go on, and how many messages were in the inbox by then.
    pub(super) looked: Mutex<Vec<(Value, usize)>>,
}

/// The part of the service that knows it.
pub(super) struct Scripted {
    pub(super) world: Arc<World>,
    pub(super) store: Arc<dyn Store>,
    pub(super) clock: Clock,
    pub(super) tellings: Worker<Telling>,
}

/// States the things. Those whose id begins with `test` are invented.
pub(super) struct Shelf(pub(super) Arc<dyn Store>);

// === impl World ===

impl World {
    /// A thing changes, and a message about it is written.
    pub(super) fn change(&self, thing: &str) -> (String, String) {
        self.change_at(thing, Timestamp::now())
    }

    pub(super) fn change_at(&self, thing: &str, at: Timestamp) -> (String, String) {
        let mut things = self.things.lock().unwrap();
        let version = things.entry(thing.to_owned()).or_default();
        *version += 1;
        let key = format!("{thing}-{version}");
        let body = serde_json::json!({"id": key, "thing": thing}).to_string();
        self.messages.lock().unwrap().push((at, key.clone(), body.clone()));
        (key, body)
    }

    pub(super) fn fails(&self, trouble: Option<Trouble>) {
        *self.trouble.lock().unwrap() = trouble;
    }

    async fn ask(&self) -> Result<(), Trouble> {
        if self.hangs.load(Ordering::SeqCst) {
            std::future::pending::<()>().await;
        }
        self.trouble.lock().unwrap().clone().map_or(Ok(()), Err)
    }
}

#[async_trait::async_trait]
impl Provider for Scripted {
    fn name(&self) -> &'static str {
        NAME
    }

    fn verify(
        &self,
        headers: &HashMap<String, String>,
        body: &[u8],
        _: Timestamp,
    ) -> Result<Verified, Fault> {
        if headers.get("x-signature").is_none_or(|signature| signature != "right") {
            return Err(Fault::new(Kind::Unauthenticated, Reason::SignatureWrong, "the signature is wrong"));
        }
        let body: Value = serde_json::from_slice(body).map_err(|_| Fault::malformed("no message"))?;
        let key = body["id"].as_str().ok_or_else(|| Fault::malformed("no message"))?.to_owned();
        Ok(Verified { key, kind: "thing.changed".into() })
    }

    fn keep(&self, body: &[u8]) -> Vec<u8> {
        body.to_vec()
    }

    async fn follow(&self, kind: &str, body: &[u8]) -> Result<(), Trouble> {
        assert_eq!(kind, "thing.changed");
        let body: Value = serde_json::from_slice(body).unwrap();
        self.world.followed.lock().unwrap().push(body["id"].as_str().unwrap().to_owned());
        self.world.ask().await?;
        let thing = body["thing"].as_str().unwrap();
        let version = self.world.things.lock().unwrap()[thing];
        let mut attempts = Attempts::default();
        loop {
            let mut work = Work::new(&*self.store);
            if work.get(&THINGS, thing).await?.is_some_and(|known| known.version == version) {
                return Ok(());
            }
            work.put(&THINGS, thing, &Thing { version });
            books::tell(&mut work, &Telling::Booking(thing.to_owned()), (self.clock)()).await?;
            if attempts.commit(work).await? {
                self.tellings.wake();
                return Ok(());
            }
        }
    }

    async fn look(&self, since: Timestamp) -> Result<Found, Trouble> {
        self.world.looks.lock().unwrap().push(since);
        self.world.ask().await?;
        let verified = |key: String| Verified { key, kind: "thing.changed".into() };
        let mut messages = self.world.messages.lock().unwrap().clone();
        messages.retain(|(at, ..)| *at >= since);
        messages.sort();
        let portion = self.world.portion.lock().unwrap().unwrap_or(usize::MAX);
        let is_cut = messages.len() > portion;
        messages.truncate(portion);
        let last = messages.last().map(|(at, ..)| *at).filter(|_| is_cut);
        Ok(Found {
            seen: messages.len() as i64,
            missed: messages.into_iter().map(|(_, key, body)| (verified(key), body.into_bytes())).collect(),
            until: Some(last.unwrap_or_else(|| (self.clock)())),
            more: is_cut || *self.world.more.lock().unwrap(),
            place: self.world.place.lock().unwrap().clone(),
            ..Found::default()
        })
    }

    async fn looked(&self, place: &Value) -> Result<(), store::Error> {
        let inbox = Inbox::new(self.store.clone(), self.clock.clone());
        let taken = inbox.list(None, 100, None).await?.jobs.len();
        self.world.looked.lock().unwrap().push((place.clone(), taken));
        Ok(())
    }
}

#[async_trait::async_trait]
impl Documents for Shelf {
    async fn state(&self, telling: &Telling) -> Result<Option<Stated>, store::Error> {
        let statement = match telling {
            Telling::Booking(id) => {
                let Some(found) = THINGS.get(&*self.0, id).await? else { return Ok(None) };
                let booking = BookingStatement {
                    uids: vec![id.clone()],
                    version: found.value.version,
                    ..Default::default()
                };
                Statement::Booking(RecordBookingRequest { booking: Some(booking), ..Default::default() })
            }
            Telling::Payment(id) => {
                let payment = Some(PaymentStatement { payment_id: id.clone(), ..Default::default() });
                Statement::Payment(RecordPaymentRequest { payment, ..Default::default() })
            }
            Telling::Subscription(id) => {
                let subscription =
                    Some(SubscriptionStatement { subscription_id: id.clone(), ..Default::default() });
                Statement::Subscription(RecordSubscriptionRequest { subscription, ..Default::default() })
            }
            Telling::Event { .. } | Telling::Contact { .. } | Telling::Notice(_) => {
                panic!("it has no document")
            }
        };
        let (Telling::Booking(id) | Telling::Payment(id) | Telling::Subscription(id)) = telling else {
            return Ok(None);
        };
        Ok(Some(Stated { statement, live: !id.starts_with("test") }))
    }
}
