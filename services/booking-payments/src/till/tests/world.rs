//! A till, its Stripe, its calendar, and what is told to the books.

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex,
        atomic::{AtomicI64, Ordering},
    },
};

use chassis::config::Secrets;
use domain::{Fault, Kind, Reason, workflow::Registry};
use jiff::{SignedDuration, Timestamp};
use proto::{
    booking::v1::Booking,
    chat::v1::AddNoticeRequest,
    sheets::v1::{RecordPaymentRequest, RecordSubscriptionRequest},
};
use providers::{
    books::{Statement, TELLINGS, Telling},
    error::Error,
    forgotten::FORGOTTEN,
    owner::Owner,
    provider::Provider as _,
};
use serde_json::Value;
use store::{
    Clock, Schema, Store,
    inbox::{INBOX, NEWEST},
    queue::{Handler, Next, Trouble, Worker},
    sqlite::Sqlite,
};
use tempfile::TempDir;
use tokio::sync::Notify;

use super::stripe::{KEY, Stripe};
use crate::{
    stripe::Client,
    till::{
        Attendee, BY_GUEST, BY_HOLDER, Catalogue, Checkout, Deps, FOLLOWED, Meetings, Order, SHARES, TASKS,
        Till, meeting::Hold, payment_statement, subscription_statement,
    },
};

pub(super) const SECRET: &str = "whsec_of_the_tests";
const SCHEMA: Schema = Schema {
    version: 1,
    indexes: &[
        &BY_HOLDER,
        &BY_GUEST,
        &providers::traces::BY_KEY,
        TASKS.index(),
        TELLINGS.index(),
        INBOX.index(),
        &NEWEST,
    ],
    expiring: &[
        store::erasing::COLLECTION,
        FOLLOWED.name(),
        FORGOTTEN.name(),
        INBOX.collection(),
        SHARES.name(),
    ],
};
/// Sells in odd currencies too.
const WORKFLOW: &str = "title = 'T'
audience = 'anyone'
instructions = 'x'
offers = [
    {id = 'yen', name = 'Yen', price = {minor = 500, currency = 'JPY'}, payable = true},
    {id = 'dinar', name = 'Dinar', price = {minor = 5120, currency = 'KWD'}, payable = true},
    {id = 'krona', name = 'Krona', price = {minor = 700, currency = 'ISK'}, payable = true},
    {id = 'krona-a-year', name = 'Krona', price = {minor = 100000, currency = 'ISK'}, interval = 'year', payable = true},
    {id = 'half', name = 'Half', price = {minor = 5125, currency = 'KWD'}, payable = true},
    {id = 'priced', name = 'Priced', price = {minor = 100, currency = 'EUR'}, payable = true, stripe_price = 'price_1'},
]";

/// The time of a test.
#[derive(Clone)]
pub(super) struct Time(Arc<AtomicI64>);

/// All of it.
pub(super) struct World {
    pub(super) till: Till,
    /// Another instance over the same store.
    pub(super) other: Till,
    pub(super) stripe: Stripe,
    pub(super) calendar: Arc<Calendar>,
    pub(super) time: Time,
    pub(super) store: Arc<dyn Store>,
    pub(super) told: Arc<Books>,
    teller: Worker<Telling>,
    tasks: Worker<crate::till::Task>,
    _dir: TempDir,
}

/// A calendar that does as a test says.
#[derive(Default)]
pub(super) struct Calendar {
    /// What was done, in order.
    pub(super) done: Mutex<Vec<String>>,
    /// Somebody else has the slot.
    pub(super) taken: Mutex<bool>,
    /// It does not answer.
    pub(super) away: Mutex<bool>,
    /// It holds no longer than this.
    pub(super) cap: Mutex<Option<SignedDuration>>,
    /// How its meetings stand.
    pub(super) meeting: Mutex<Option<Booking>>,
    /// How the next bookings are refused.
    pub(super) refusals: Mutex<Vec<Error>>,
    /// What is asked for at this time is refused.
    pub(super) late: Mutex<Option<Timestamp>>,
    /// The next hold is long in coming: it says when it is asked for, and waits.
    pub(super) gate: Mutex<Option<Gate>>,
    time: Mutex<Option<Time>>,
}

/// Where a call stands still.
#[derive(Clone, Default)]
pub(super) struct Gate {
    pub(super) entered: Arc<Notify>,
    pub(super) opened: Arc<Notify>,
}

/// What the books were told.
#[derive(Default)]
pub(super) struct Books {
    store: Mutex<Option<Arc<dyn Store>>>,
    pub(super) payments: Mutex<Vec<RecordPaymentRequest>>,
    pub(super) subscriptions: Mutex<Vec<RecordSubscriptionRequest>>,
    pub(super) events: Mutex<Vec<Value>>,
    pub(super) notices: Mutex<Vec<AddNoticeRequest>>,
}

impl Time {
    pub(super) fn seconds(&self) -> i64 {
        self.0.load(Ordering::SeqCst)
    }

    pub(super) fn advance(&self, seconds: i64) {
        self.0.fetch_add(seconds, Ordering::SeqCst);
    }

    pub(super) fn now(&self) -> Timestamp {
        Timestamp::from_second(self.seconds()).unwrap()
    }

    pub(super) fn clock(&self) -> Clock {
        let time = self.clone();
        Arc::new(move || time.now())
    }
}

impl World {
    pub(super) async fn start() -> Self {
        let time = Time(Arc::new(AtomicI64::new(1_800_000_000)));
        let stripe = Stripe::start(time.clone()).await;
        let dir = tempfile::tempdir().unwrap();
        let store: Arc<dyn Store> =
            Arc::new(Sqlite::open(&dir.path().join("till.db"), SCHEMA, time.clock()).unwrap());
        let calendar = Arc::new(Calendar { time: Mutex::new(Some(time.clone())), ..Calendar::default() });
        let registry = Arc::new(Registry::with_files([("odd", WORKFLOW)]).unwrap());
        let deps = |registry| Deps {
            store: store.clone(),
            clock: time.clock(),
            stripe: Client::new(&format!("http://{}", stripe.addr).parse().unwrap(), KEY.into()),
            secrets: Some(Secrets::parse(&format!("whsec_new,{SECRET}")).unwrap()),
            catalogue: Catalogue::new(registry),
            meetings: calendar.clone(),
            public: "https://desk.example/".parse().unwrap(),
            minutes: 60,
            tellings: None,
        };
        let (till, other) = (Till::new(deps(registry.clone())), Till::new(deps(registry)));
        let told = Arc::new(Books { store: Mutex::new(Some(store.clone())), ..Books::default() });
        let teller = Worker::new(&TELLINGS, store.clone(), time.clock(), told.clone());
        let tasks = till.worker();
        Self { till, other, stripe, calendar, time, store, told, teller, tasks, _dir: dir }
    }

    /// A link for an item of the concierge's.
    pub(super) async fn link(&self, item: &str) -> Checkout {
        self.till.create(ann(), order("r1", item)).await.unwrap()
    }

    /// A link for the consult, two days after the beginning.
    pub(super) async fn consult(&self) -> Checkout {
        self.till.create(ann(), self.consult_order("r1")).await.unwrap()
    }

    pub(super) fn consult_order(&self, request: &str) -> Order {
        let attendee = Attendee {
            name: "Ann Archer".into(),
            email: "ann@example.com".into(),
            time_zone: "Europe/Berlin".into(),
            ..Attendee::default()
        };
        let start = Timestamp::from_second(1_800_172_800).ok();
        Order { start, attendee, ..order(request, "strategy-consult") }
    }

    /// A message of Stripe's arrives and is worked on.
    pub(super) async fn hear(&self, kind: &str, object: &str) {
        let body = self.stripe.books().event(kind, object);
        self.till.follow(kind, &body).await.unwrap();
    }

    /// What is due is done; so many tasks were.
    pub(super) async fn work(&self) -> i64 {
        let ticked = self.tasks.tick(100).await.unwrap();
        ticked.done.values().copied().sum()
    }

    /// All that waits is told.
    pub(super) async fn tell(&self) {
        while self.teller.tick(100).await.unwrap().done.values().any(|number| *number > 0) {}
    }

    /// What the books were last told of the one payment that there is.
    pub(super) async fn payment(&self) -> RecordPaymentRequest {
        self.tell().await;
        let told = self.told.payments.lock().unwrap();
        let last = told.last().expect("a payment was told").clone();
        let id = |told: &RecordPaymentRequest| told.payment.as_ref().unwrap().payment_id.clone();
        assert!(told.iter().all(|one| id(one) == id(&last)), "one payment is one row");
        last
    }

    /// How a link stands.
    pub(super) async fn stored(&self, id: &str) -> Checkout {
        self.till.get(&ann(), id).await.unwrap()
    }
}

pub(super) fn owner(visitor: &str) -> Owner {
    Owner {
        visitor: visitor.into(),
        session: "ses_1".into(),
        workflow: "lead-concierge".into(),
        site: "www.example.com".into(),
        page: "/services".into(),
        ..Owner::default()
    }
}

pub(super) fn ann() -> Owner {
    owner("vis_ann")
}

pub(super) fn order(request: &str, item: &str) -> Order {
    Order { request_id: request.into(), item: item.into(), ..Order::default() }
}

/// Why a call was refused.
pub(super) fn fault(error: Error) -> (Kind, Reason) {
    let fault = providers::error::fault(error);
    (fault.kind, fault.reason)
}

impl Calendar {
    fn note(&self, what: &str) -> Result<(), Error> {
        if *self.away.lock().unwrap() {
            return Err(Fault::new(Kind::Unavailable, Reason::ProviderUnavailable, "away").into());
        }
        self.done.lock().unwrap().push(what.to_owned());
        Ok(())
    }

    fn is_free(&self) -> Result<(), Error> {
        let taken = *self.taken.lock().unwrap();
        if taken { Err(Fault::new(Kind::AlreadyExists, Reason::SlotTaken, "taken").into()) } else { Ok(()) }
    }

    pub(super) fn done(&self) -> Vec<String> {
        self.done.lock().unwrap().clone()
    }
}

#[async_trait::async_trait]
impl Meetings for Calendar {
    async fn hold(&self, checkout: &Checkout, until: Timestamp) -> Result<Hold, Error> {
        self.note(if checkout.hold.is_some() { "renew" } else { "hold" })?;
        let gate = self.gate.lock().unwrap().take();
        match gate {
            Some(gate) => {
                gate.entered.notify_one();
                gate.opened.notified().await;
            }
            None => self.is_free()?,
        }
        let late = *self.late.lock().unwrap();
        if late.is_some() && checkout.asked_at == late {
            return Err(Fault::new(Kind::AlreadyExists, Reason::SlotTaken, "taken").into());
        }
        let now = self.time.lock().unwrap().as_ref().unwrap().now();
        let until = self.cap.lock().unwrap().map_or(until, |cap| until.min(now + cap));
        Ok(Hold { uid: "res_1".into(), until, event_type: 7 })
    }

    async fn release(&self, checkout: &Checkout) -> Result<(), Error> {
        self.note(if checkout.hold.is_some() { "release" } else { "release nothing" })
    }

    async fn book(&self, checkout: &Checkout) -> Result<String, Error> {
        self.note("book")?;
        self.is_free()?;
        if let Some(refusal) = self.refusals.lock().unwrap().pop() {
            return Err(refusal);
        }
        Ok(format!("bkg_of_{}", checkout.id))
    }

    async fn next_free(&self, checkout: &Checkout) -> Result<Vec<Timestamp>, Error> {
        self.note("next")?;
        let start = checkout.start.unwrap();
        Ok((1..6).map(|hours| start + SignedDuration::from_hours(hours)).collect())
    }

    async fn booking(&self, checkout: &Checkout) -> Result<Option<Booking>, Error> {
        let meeting = self.meeting.lock().unwrap().clone().unwrap_or_default();
        Ok(Some(Booking { booking_id: checkout.booking.clone(), ..meeting }))
    }
}

#[async_trait::async_trait]
impl Handler<Telling> for Books {
    async fn handle(&self, _id: &str, telling: &Telling) -> Result<Next, Trouble> {
        let store = self.store.lock().unwrap().clone().unwrap();
        let stated = match telling {
            Telling::Payment(id) => payment_statement(&*store, id).await?,
            Telling::Subscription(id) => subscription_statement(&*store, id).await?,
            Telling::Event { body, live, .. } => {
                assert!(!live);
                self.events.lock().unwrap().push(serde_json::from_str(body).unwrap());
                return Ok(Next::Done);
            }
            Telling::Contact { .. } => return Ok(Next::Done),
            Telling::Notice(notice) => {
                self.notices.lock().unwrap().push(notice.request("req_1".into()));
                return Ok(Next::Done);
            }
            Telling::Booking(_) => panic!("the till books nothing itself"),
        };
        let stated = stated.expect("what is told is there");
        assert!(!stated.live, "a stand-in's money is not real");
        match stated.statement {
            Statement::Payment(told) => self.payments.lock().unwrap().push(told),
            Statement::Subscription(told) => self.subscriptions.lock().unwrap().push(told),
            Statement::Booking(_) => panic!("the till books nothing itself"),
        }
        Ok(Next::Done)
    }
}

/// Everything that is kept in these collections, by id.
pub(super) async fn documents(store: &dyn Store, collections: &[&str]) -> BTreeMap<String, Value> {
    let mut scan = store.scan().await.unwrap();
    let mut found = BTreeMap::new();
    loop {
        let records = scan.next().await.unwrap();
        if records.is_empty() {
            return found;
        }
        for record in records {
            if collections.contains(&record.collection.as_str()) {
                found.insert(record.id, serde_json::from_str(&record.body).unwrap());
            }
        }
    }
}
