//! A small model of Stripe over real HTTP: what was made stands there, and a test lets things happen to it.
//!
//! It is strict where the till could be careless: the version and the key of every call, the `Idempotency-Key` of every
//! write, the same form under the same key.

use std::{
    collections::{BTreeMap, VecDeque},
    net::SocketAddr,
    sync::{Arc, Mutex, MutexGuard},
};

use axum::{
    Router,
    body::Bytes,
    extract::State,
    http::{HeaderMap, Method, StatusCode, Uri},
};
use serde_json::{Value, json};
use tokio::{net::TcpListener, task::JoinHandle};
use url::form_urlencoded::parse;

use super::{
    forms::{below, form_of, is_sound},
    world::Time,
};

pub(super) const KEY: &str = "sk_test_of_the_tests";
/// What the model calls itself, beyond doubt a time of its own.
const EMAIL: &str = "ann@example.com";

/// The provider.
pub(super) struct Stripe {
    pub(super) addr: SocketAddr,
    books: Arc<Mutex<Books>>,
    serving: JoinHandle<()>,
}

/// What it has.
#[derive(Default)]
pub(super) struct Books {
    pub(super) things: BTreeMap<String, Value>,
    /// Things of a list, by its path.
    pub(super) lists: BTreeMap<&'static str, Vec<Value>>,
    /// Form and answer of every key.
    pub(super) keys: BTreeMap<String, (String, String)>,
    /// Method and path of every call.
    pub(super) asked: Vec<String>,
    /// The last form that was posted.
    pub(super) form: BTreeMap<String, String>,
    /// Statuses of the next writes: done and answered so.
    pub(super) losing: VecDeque<u16>,
    /// Statuses of the next writes: not done, and answered so whenever their keys come again.
    pub(super) failing: VecDeque<u16>,
    /// The keys of such writes.
    failed: BTreeMap<String, u16>,
    /// Statuses of the next calls: not done.
    pub(super) refusing: VecDeque<(u16, &'static str)>,
    /// What new links ask for in all, whatever their items cost.
    pub(super) total: Option<i64>,
    made: usize,
    time: Option<Time>,
}

type Answer = (StatusCode, axum::Json<Value>);

impl Stripe {
    pub(super) async fn start(time: Time) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr = listener.local_addr().unwrap();
        let books = Arc::new(Mutex::new(Books { time: Some(time), ..Books::default() }));
        let router = Router::new().fallback(answer).with_state(books.clone());
        let serving = tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self { addr, books, serving }
    }

    pub(super) fn books(&self) -> MutexGuard<'_, Books> {
        self.books.lock().unwrap()
    }
}

impl Drop for Stripe {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

async fn answer(
    State(books): State<Arc<Mutex<Books>>>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Answer {
    let mut books = books.lock().unwrap();
    books.asked.push(format!("{method} {}", uri.path()));
    assert_eq!(headers["stripe-version"], "2026-10-28.endive");
    assert_eq!(headers["authorization"], format!("Bearer {KEY}"));
    if let Some((status, code)) = books.refusing.pop_front() {
        return refused(status, code);
    }
    let path: Vec<&str> = uri.path().trim_start_matches("/v1/").split('/').collect();
    if method == Method::POST {
        let key = headers["idempotency-key"].to_str().unwrap();
        if let Some(status) = books.failure(key) {
            return refused(status, "none");
        }
        return books.write(&path, key, &body);
    }
    let fields = || parse(uri.query().unwrap_or_default().as_bytes()).into_owned();
    let query: BTreeMap<String, String> = fields().collect();
    match path.as_slice() {
        ["events"] => {
            let types: Vec<String> =
                fields().filter(|(name, _)| name == "types[]").map(|(_, kind)| kind).collect();
            books.events(&query, &types)
        }
        [list @ ("invoice_payments" | "disputes")] => books.list(list, &query),
        [.., id] => match books.shown(id) {
            Some(thing) => (StatusCode::OK, axum::Json(thing)),
            None => refused(404, "resource_missing"),
        },
        [] => refused(404, "none"),
    }
}

fn refused(status: u16, code: &str) -> Answer {
    let body = json!({"error": {"code": code, "message": "words of sk_live_secret and ann@example.com"}});
    (StatusCode::from_u16(status).unwrap(), axum::Json(body))
}

impl Books {
    fn now(&self) -> i64 {
        self.time.as_ref().unwrap().seconds()
    }

    fn id(&mut self, prefix: &str) -> String {
        self.made += 1;
        format!("{prefix}_{}", self.made)
    }

    fn put(&mut self, thing: Value) -> String {
        let id = thing["id"].as_str().unwrap().to_owned();
        self.things.insert(id.clone(), thing);
        id
    }

    pub(super) fn thing(&mut self, id: &str) -> &mut Value {
        self.things.get_mut(id).unwrap()
    }

    fn shown(&self, id: &str) -> Option<Value> {
        let mut thing = self.things.get(id)?.clone();
        if let Some(charge) = thing["latest_charge"].as_str().and_then(|charge| self.things.get(charge)) {
            thing["latest_charge"] = charge.clone();
        }
        Some(thing)
    }

    /// How a write fails, if it does.
    fn failure(&mut self, key: &str) -> Option<u16> {
        let known = self.failed.get(key).copied();
        let status = known.or_else(|| self.failing.pop_front())?;
        self.failed.insert(key.to_owned(), status);
        Some(status)
    }

    fn write(&mut self, path: &[&str], key: &str, body: &[u8]) -> Answer {
        let text = String::from_utf8(body.to_vec()).unwrap();
        if let Some((form, id)) = self.keys.get(key) {
            assert_eq!(*form, text, "the same key with another form");
            let thing = self.things[id].clone();
            return (StatusCode::OK, axum::Json(thing));
        }
        let id = match path {
            ["checkout", "sessions"] => self.session(&text),
            ["checkout", "sessions", id, "expire"] if self.things[*id]["status"] == "open" => self.expire(id),
            _ => return refused(400, "none"),
        };
        self.keys.insert(key.to_owned(), (text, id.clone()));
        match self.losing.pop_front() {
            Some(status) => refused(status, "none"),
            None => (StatusCode::OK, axum::Json(self.things[&id].clone())),
        }
    }

    fn session(&mut self, text: &str) -> String {
        let form: BTreeMap<String, String> = parse(text.as_bytes()).into_owned().collect();
        let lives = form["expires_at"].parse::<i64>().unwrap() - self.now();
        assert!((1_800..=86_400).contains(&lives), "{lives}");
        let id = self.id("cs_test");
        let metadata = below(&form, "metadata");
        is_sound(&form, &metadata);
        let amount = form.get("line_items[0][price_data][unit_amount]");
        let amount = amount.map(|amount| amount.parse::<i64>().unwrap());
        self.form = form.clone();
        self.put(json!({
            "id": id, "object": "checkout.session", "url": format!("https://checkout.stripe.com/c/pay/{id}"),
            "status": "open", "payment_status": "unpaid", "mode": form["mode"], "livemode": false,
            "client_reference_id": form["client_reference_id"], "metadata": metadata,
            "amount_total": self.total.or(amount), "currency": form.get("line_items[0][price_data][currency]").map_or("eur", |it| it),
            "payment_intent": null, "subscription": null, "invoice": null, "customer_details": null,
            "form": form,
        }))
    }

    pub(super) fn expire(&mut self, id: &str) -> String {
        let session = self.thing(id);
        session["status"] = "expired".into();
        session["url"] = Value::Null;
        id.to_owned()
    }

    /// Somebody pays: the money is there at once.
    pub(super) fn pay(&mut self, session: &str) -> String {
        let intent = self.pay_later(session);
        self.succeed(&intent);
        intent
    }

    /// Somebody completes a link, and the money is on its way.
    pub(super) fn pay_later(&mut self, session: &str) -> String {
        let form = form_of(&self.things[session]);
        let amount: i64 = form["line_items[0][price_data][unit_amount]"].parse().unwrap();
        let currency = form["line_items[0][price_data][currency]"].clone();
        let metadata = below(&form, "payment_intent_data[metadata]");
        let intent = self.intent(amount, &currency, metadata);
        let thing = self.thing(session);
        thing["payment_intent"] = intent.as_str().into();
        self.complete(session);
        intent
    }

    pub(super) fn complete(&mut self, session: &str) {
        let thing = self.thing(session);
        thing["status"] = "complete".into();
        thing["url"] = Value::Null;
        thing["customer_details"] = json!({"email": EMAIL, "name": "Ann Archer", "phone": "+49 30 123456"});
    }

    /// A payment intent that is being worked on, with its charge.
    pub(super) fn intent(&mut self, amount: i64, currency: &str, metadata: Value) -> String {
        let (id, charge, now) = (self.id("pi"), self.id("ch"), self.now());
        self.put(json!({
            "id": charge, "object": "charge", "created": now, "amount": amount, "currency": currency,
            "amount_refunded": 0, "status": "succeeded",
            "disputed": false, "payment_intent": id, "payment_method_details": {"type": "card"},
            "billing_details": {"email": EMAIL, "name": "Ann Archer", "phone": null},
        }));
        self.put(json!({
            "id": id, "object": "payment_intent", "amount": amount, "amount_received": 0, "currency": currency,
            "created": now, "status": "processing", "latest_charge": charge, "last_payment_error": null,
            "metadata": metadata, "livemode": false, "receipt_email": null,
        }))
    }

    pub(super) fn succeed(&mut self, intent: &str) {
        let thing = self.thing(intent);
        thing["status"] = "succeeded".into();
        thing["amount_received"] = thing["amount"].clone();
        self.mark(intent, "paid");
    }

    pub(super) fn fail(&mut self, intent: &str) {
        let thing = self.thing(intent);
        thing["status"] = "requires_payment_method".into();
        thing["last_payment_error"] = json!({"code": "card_declined"});
    }

    fn mark(&mut self, intent: &str, status: &str) {
        for session in self.things.values_mut().filter(|thing| thing["object"] == "checkout.session") {
            if session["payment_intent"] == intent {
                session["payment_status"] = status.into();
            }
        }
    }

    pub(super) fn charge_of(&self, intent: &str) -> String {
        self.things[intent]["latest_charge"].as_str().unwrap().to_owned()
    }

    pub(super) fn refund(&mut self, intent: &str, amount: i64) {
        let charge = self.charge_of(intent);
        let charge = self.thing(&charge);
        charge["amount_refunded"] = (charge["amount_refunded"].as_i64().unwrap() + amount).into();
    }

    /// Somebody disputes all of a payment.
    pub(super) fn dispute(&mut self, intent: &str, status: &str) {
        let amount = self.things[intent]["amount"].as_i64().unwrap();
        self.dispute_part(intent, status, amount);
    }

    pub(super) fn dispute_part(&mut self, intent: &str, status: &str, amount: i64) {
        let charge = self.charge_of(intent);
        self.thing(&charge)["disputed"] = true.into();
        let currency = self.things[&charge]["currency"].clone();
        let dispute = json!({
            "id": "du_1", "object": "dispute", "charge": charge, "payment_intent": intent, "status": status,
            "amount": amount, "currency": currency,
        });
        self.lists.insert("disputes", vec![dispute]);
    }

    /// Somebody subscribes: subscription, invoice, payment.
    pub(super) fn subscribe(&mut self, session: &str) -> (String, String, String) {
        let form = form_of(&self.things[session]);
        let metadata = below(&form, "subscription_data[metadata]");
        let amount: i64 = form["line_items[0][price_data][unit_amount]"].parse().unwrap();
        let interval = form["line_items[0][price_data][recurring][interval]"].clone();
        let (id, now) = (self.id("sub"), self.now());
        let price = json!({
            "unit_amount": amount, "nickname": null, "recurring": {"interval": interval, "interval_count": 1},
            "product": {"id": "prod_1", "object": "product", "name": "Growth Retainer"},
        });
        self.put(json!({
            "id": id, "object": "subscription", "status": "active", "created": now, "start_date": now,
            "canceled_at": null, "cancel_at_period_end": false, "currency": "eur", "metadata": metadata,
            "livemode": false, "customer": {"id": "cus_1", "email": "office@example.com", "name": "Office"},
            "items": {"data": [{"quantity": 1, "price": price, "current_period_end": now + 2_592_000}]},
        }));
        let (invoice, intent) = self.invoice(&id, amount);
        let thing = self.thing(session);
        thing["subscription"] = id.as_str().into();
        thing["invoice"] = invoice.as_str().into();
        thing["payment_status"] = "paid".into();
        self.complete(session);
        (id, invoice, intent)
    }

    /// An invoice of a subscription that is paid, and its payment.
    pub(super) fn invoice(&mut self, subscription: &str, amount: i64) -> (String, String) {
        let metadata = self.things[subscription]["metadata"].clone();
        let intent = self.intent(amount, "eur", json!({}));
        self.succeed(&intent);
        let (id, now) = (self.id("in"), self.now());
        self.put(json!({
            "id": id, "object": "invoice", "status": "paid", "amount_due": amount, "amount_paid": amount,
            "currency": "eur", "created": now, "attempted": true, "status_transitions": {"paid_at": now},
            "customer_email": EMAIL, "customer_name": "Ann Archer", "customer_phone": null, "livemode": false,
            "parent": {"type": "subscription_details",
                "subscription_details": {"subscription": subscription, "metadata": metadata}},
        }));
        let link = json!({"id": "inpay_1", "invoice": id,
            "payment": {"type": "payment_intent", "payment_intent": intent}});
        self.lists.entry("invoice_payments").or_default().push(link);
        (id, intent)
    }

    fn list(&self, list: &str, query: &BTreeMap<String, String>) -> Answer {
        let wanted = |thing: &&Value| {
            let (invoice, intent) = (query.get("invoice"), query.get("payment[payment_intent]"));
            let of_charge = query.get("charge");
            invoice.is_none_or(|id| thing["invoice"] == **id)
                && intent.is_none_or(|id| thing["payment"]["payment_intent"] == **id)
                && of_charge.is_none_or(|id| thing["charge"] == **id)
        };
        let data: Vec<_> = self.lists.get(list).into_iter().flatten().filter(wanted).cloned().collect();
        (StatusCode::OK, axum::Json(json!({"object": "list", "data": data, "has_more": false})))
    }

    /// Something happens: the event as a webhook brings it.
    pub(super) fn event(&mut self, kind: &str, object: &str) -> Vec<u8> {
        let (id, now) = (self.id("evt"), self.now());
        let thing = match kind.starts_with("charge.dispute.") {
            true => self.lists["disputes"][0].clone(),
            false => self.things.get(object).cloned().unwrap_or(json!({"id": object})),
        };
        let event =
            json!({"id": id, "object": "event", "type": kind, "created": now, "data": {"object": thing}});
        self.lists.entry("events").or_default().insert(0, event.clone());
        event.to_string().into_bytes()
    }

    fn events(&self, query: &BTreeMap<String, String>, types: &[String]) -> Answer {
        assert!((1..=20).contains(&types.len()), "stripe takes up to 20 types");
        let bound = |name: &str| query[name].parse::<i64>().unwrap();
        let (from, to) = (bound("created[gte]"), bound("created[lte]"));
        let all = self.lists.get("events").into_iter().flatten();
        let mut within: Vec<_> =
            all.filter(|event| (from..=to).contains(&event["created"].as_i64().unwrap())).cloned().collect();
        within.retain(|event| types.iter().any(|kind| event["type"] == **kind));
        if let Some(after) = query.get("starting_after") {
            let place = within.iter().position(|event| event["id"] == **after).unwrap();
            within.drain(..=place);
        }
        let has_more = within.len() > 100;
        within.truncate(100);
        (StatusCode::OK, axum::Json(json!({"object": "list", "data": within, "has_more": has_more})))
    }
}
