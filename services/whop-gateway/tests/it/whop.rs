//! A Whop over real HTTP, with a Drive and the keys of its tokens beside it: what a test puts there is there.
//!
//! It is strict: no key, no dated version or no `Idempotency-Key` where one belongs is a refusal.

mod answers;

use std::{
    collections::{BTreeMap, VecDeque},
    net::SocketAddr,
    sync::{
        Arc, Mutex,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};

use axum::Router;
use jiff::Timestamp;
use serde_json::{Value, json};
use tokio::{
    net::TcpListener,
    sync::{oneshot, watch},
    task::JoinHandle,
};

/// Longest wait of a test for something that must happen.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);
pub(crate) const ACCOUNT: &str = "biz_frontdesk0001";
pub(crate) const KEY: &str = "apik_of_the_tests";
/// When the tests begin.
pub(crate) const TODAY: &str = "2026-10-20T08:00:00Z";

/// A clock that a test moves.
#[derive(Clone)]
pub(crate) struct Time(Arc<AtomicI64>);

impl Time {
    pub(crate) fn start() -> Self {
        Self(Arc::new(AtomicI64::new(TODAY.parse::<Timestamp>().unwrap().as_second())))
    }

    pub(crate) fn now(&self) -> Timestamp {
        Timestamp::from_second(self.0.load(Ordering::SeqCst)).unwrap()
    }

    pub(crate) fn clock(&self) -> store::Clock {
        let time = self.clone();
        Arc::new(move || time.now())
    }

    pub(crate) fn pass(&self, seconds: i64) {
        self.0.fetch_add(seconds, Ordering::SeqCst);
    }
}

/// What goes wrong with a request.
pub(crate) enum Fault {
    /// It is done and the answer is lost.
    Lost,
    /// It is not done.
    Status(u16),
    /// It is refused for so many seconds.
    Busy(u32),
    /// It is answered as things are now, but later.
    Held(oneshot::Receiver<()>),
}

/// The provider.
pub(crate) struct Whop {
    pub(crate) addr: SocketAddr,
    pub(crate) time: Time,
    desk: Arc<Mutex<Desk>>,
    asked: watch::Receiver<Vec<String>>,
    held: watch::Receiver<usize>,
    serving: JoinHandle<()>,
}

/// What is there.
#[derive(Default)]
struct Desk {
    /// By kind and id.
    things: BTreeMap<(&'static str, String), Value>,
    /// Who gets at what beside their memberships.
    team: Vec<(String, String)>,
    deliveries: Vec<Value>,
    /// Where the account's webhook leads to.
    hook: Option<String>,
    /// Whether the key may see webhooks.
    hides_hooks: bool,
    messages: Vec<(String, String)>,
    checkouts: Vec<Value>,
    /// By key: the request and its answer.
    done: BTreeMap<String, (String, Value)>,
    faults: VecDeque<(String, Fault)>,
    down: Option<u16>,
    page: usize,
    keys: Value,
    files: BTreeMap<String, Vec<Value>>,
}

#[derive(Clone)]
struct Door {
    desk: Arc<Mutex<Desk>>,
    asked: watch::Sender<Vec<String>>,
    /// How many answers were made that are held.
    held: watch::Sender<usize>,
    time: Time,
}

impl Whop {
    pub(crate) async fn start(time: Time) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr = listener.local_addr().unwrap();
        let desk = Arc::new(Mutex::new(Desk { page: 50, ..Desk::default() }));
        let (sender, asked) = watch::channel(Vec::new());
        let (holding, held) = watch::channel(0);
        let door = Door { desk: desk.clone(), asked: sender, held: holding, time: time.clone() };
        let router = Router::new().fallback(answers::serve).with_state(door);
        let serving = tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        let whop = Self { addr, time, desk, asked, held, serving };
        for (id, product, price, days) in [
            ("plan_growthmonthly", "prod_growthretainer", 1_490, Some(30)),
            ("plan_growthyearly", "prod_growthretainer", 14_900, Some(365)),
            ("plan_scalemonthly", "prod_scaleretainer", 3_490, Some(30)),
            ("plan_playbooklife", "prod_playbooklife", 0, None),
        ] {
            let plan = json!({"id": id, "title": id.trim_start_matches("plan_"), "currency": "eur", "renewal_price": price,
                "billing_period": days, "plan_type": "renewal", "product": {"id": product, "title": product}});
            whop.put("variants", plan);
        }
        whop
    }

    pub(crate) fn put(&self, kind: &'static str, thing: Value) {
        let id = thing["id"].as_str().unwrap().to_owned();
        self.desk.lock().unwrap().things.insert((kind, id), thing);
    }

    /// Somebody has this from now on.
    pub(crate) fn join(&self, id: &str, user: &str, plan: &str) {
        let product = self.desk.lock().unwrap().things[&("variants", plan.to_owned())]["product"].clone();
        let now = self.time.now();
        self.put(
            "memberships",
            json!({
                "id": id, "status": "active", "user_id": user, "product_id": product["id"], "plan_id": plan,
                "license_key": format!("KEY-{id}"), "cancel_at_period_end": false, "current_period_start": now,
                "current_period_end": now + jiff::SignedDuration::from_hours(720), "canceled_at": null,
                "manage_url": "https://whop.com/billing/manage/mber_1", "metadata": {}, "created_at": now, "updated_at": now,
                "product": product, "member_id": format!("mber_{user}"), "account": {"id": ACCOUNT},
                "expires_at": null, "initial_price": null, "renewal_price": null, "billing_period_days": null,
            }),
        );
    }

    /// Somebody pays.
    pub(crate) fn pay(&self, id: &str, user: &str, membership: &str, amount: &str) {
        let (now, name) = (self.time.now(), user.trim_start_matches("user_"));
        let money = |amount: &str| json!({"amount": amount, "currency": "eur", "decimals": 2});
        self.put(
            "payments",
            json!({
                "id": id, "account_id": ACCOUNT, "status": "paid", "substatus": "succeeded", "total": money(amount),
                "refunded_amount": money("0.00"), "payment_method_type": "card",
                "customer_email": format!("{name}@example.com"), "user": {"id": user, "username": name, "name": name},
                "membership_id": membership, "plan_id": "plan_growthmonthly", "product_id": "prod_growthretainer",
                "checkout_configuration_id": null, "metadata": {}, "created_at": now, "updated_at": now, "paid_at": now,
            }),
        );
    }

    /// Changes something, now.
    pub(crate) fn change(&self, kind: &'static str, id: &str, change: Value) {
        let now = self.time.now();
        let mut desk = self.desk.lock().unwrap();
        let thing = desk.things.get_mut(&(kind, id.to_owned())).unwrap();
        thing["updated_at"] = json!(now);
        for (name, value) in change.as_object().unwrap() {
            thing[name] = value.clone();
        }
    }

    pub(crate) fn thing(&self, kind: &'static str, id: &str) -> Value {
        self.desk.lock().unwrap().things[&(kind, id.to_owned())].clone()
    }

    /// The message that Whop sends of something.
    pub(crate) fn message(&self, id: &str, event: &str, kind: &'static str, thing: &str) -> Value {
        json!({"id": id, "type": event, "api_version": "v1", "timestamp": self.time.now(), "data": self.thing(kind, thing)})
    }

    /// A message that could not be delivered, as the webhook of this address lists it.
    pub(crate) fn fail_delivery(&self, url: &str, message: Value) {
        let mut desk = self.desk.lock().unwrap();
        desk.hook = Some(url.to_owned());
        let id = format!("dlv_{}", desk.deliveries.len());
        let sent = json!({"id": id, "request_body": message, "sent_at": self.time.now(), "success": false});
        desk.deliveries.insert(0, sent);
    }

    pub(crate) fn hide_hooks(&self) {
        self.desk.lock().unwrap().hides_hooks = true;
    }

    /// Somebody of the team gets at this.
    pub(crate) fn let_in(&self, user: &str, product: &str) {
        self.desk.lock().unwrap().team.push((user.to_owned(), product.to_owned()));
    }

    /// The next request that begins so goes wrong: `GET /memberships/mem_1`.
    pub(crate) fn fail(&self, line: &str, fault: Fault) {
        self.desk.lock().unwrap().faults.push_back((line.to_owned(), fault));
    }

    pub(crate) fn go_down(&self, status: u16) {
        self.desk.lock().unwrap().down = Some(status);
    }

    pub(crate) fn come_back(&self) {
        self.desk.lock().unwrap().down = None;
    }

    pub(crate) fn page_of(&self, entries: usize) {
        self.desk.lock().unwrap().page = entries;
    }

    pub(crate) fn sign_with(&self, keys: Value) {
        self.desk.lock().unwrap().keys = keys;
    }

    pub(crate) fn file(&self, folder: &str, name: &str) {
        let file = json!({"name": name, "mimeType": "application/pdf", "webViewLink": format!("https://drive.google.com/{name}")});
        self.desk.lock().unwrap().files.entry(folder.to_owned()).or_default().push(file);
    }

    /// All messages in support channels.
    pub(crate) fn messages(&self) -> Vec<(String, String)> {
        self.desk.lock().unwrap().messages.clone()
    }

    pub(crate) fn checkouts(&self) -> Vec<Value> {
        self.desk.lock().unwrap().checkouts.clone()
    }

    /// What it was asked so far, the requests that begin so.
    pub(crate) fn asked(&self, line: &str) -> Vec<String> {
        self.asked.borrow().iter().filter(|asked| asked.starts_with(line)).cloned().collect()
    }

    /// Waits until it was asked so, so many times.
    pub(crate) async fn until_asked(&self, line: &str, times: usize) {
        let mut asked = self.asked.clone();
        let is_asked = asked.wait_for(|all| all.iter().filter(|one| one.starts_with(line)).count() >= times);
        tokio::time::timeout(PATIENCE, is_asked).await.expect("whop is asked").unwrap();
    }
}

impl Whop {
    /// Waits until an answer is made that is held.
    pub(crate) async fn until_held(&self) {
        let mut held = self.held.clone();
        let is_held = held.wait_for(|held| *held > 0);
        tokio::time::timeout(PATIENCE, is_held).await.expect("an answer is held").unwrap();
    }
}

impl Drop for Whop {
    fn drop(&mut self) {
        self.serving.abort();
    }
}
