//! A Stripe over real HTTP with one link, which somebody may pay.

use std::{
    collections::BTreeMap,
    net::SocketAddr,
    sync::{Arc, Mutex},
};

use axum::{
    Json, Router,
    body::Bytes,
    extract::State,
    http::{Method, StatusCode, Uri},
    response::{IntoResponse as _, Response},
};
use serde_json::{Value, json};
use tokio::{net::TcpListener, task::JoinHandle};

/// The provider.
pub(crate) struct Stripe {
    pub(crate) addr: SocketAddr,
    desk: Arc<Mutex<Desk>>,
    now: i64,
    serving: JoinHandle<()>,
}

#[derive(Default)]
struct Desk {
    things: BTreeMap<String, Value>,
    events: Vec<Value>,
    form: BTreeMap<String, String>,
    asked: usize,
    refuses: bool,
}

impl Stripe {
    pub(crate) async fn start(now: i64) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr = listener.local_addr().unwrap();
        let desk = Arc::new(Mutex::new(Desk::default()));
        let router = Router::new().fallback(answer).with_state(desk.clone());
        let serving = tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self { addr, desk, now, serving }
    }

    /// How often it was asked.
    pub(crate) fn asked(&self) -> usize {
        self.desk.lock().unwrap().asked
    }

    /// The token of the address to which the link returns.
    pub(crate) fn token(&self) -> String {
        self.desk.lock().unwrap().form["success_url"].rsplit('/').next().unwrap().to_owned()
    }

    /// Somebody pays the link: the event of it.
    pub(crate) fn pay(&self, session: &str) -> Vec<u8> {
        let mut desk = self.desk.lock().unwrap();
        let checkout = desk.form["payment_intent_data[metadata][checkout]"].clone();
        desk.things.insert(
            "ch_1".into(),
            json!({
                "id": "ch_1", "object": "charge", "created": self.now, "amount": 49_000, "currency": "eur", "amount_refunded": 0,
                "disputed": false, "payment_intent": "pi_1", "payment_method_details": {"type": "card"},
            }),
        );
        desk.things.insert(
            "pi_1".into(),
            json!({
                "id": "pi_1", "object": "payment_intent", "amount": 49_000, "amount_received": 49_000,
                "currency": "eur", "created": self.now, "status": "succeeded", "livemode": false,
                "metadata": {"checkout": checkout},
            }),
        );
        let thing = desk.things.get_mut(session).unwrap();
        thing["status"] = "complete".into();
        thing["payment_status"] = "paid".into();
        thing["payment_intent"] = "pi_1".into();
        thing["url"] = Value::Null;
        thing["customer_details"] = json!({"email": "ann@example.com", "name": "Ann"});
        let thing = thing.clone();
        desk.event(self.now, "checkout.session.completed", thing)
    }

    /// What was paid names no link.
    pub(crate) fn names_no_link(&self) {
        self.desk.lock().unwrap().things.get_mut("pi_1").unwrap()["metadata"] = json!({});
    }

    /// Whether it takes our key no more.
    pub(crate) fn refuses(&self, refuses: bool) {
        self.desk.lock().unwrap().refuses = refuses;
    }

    /// Some of it is paid back.
    pub(crate) fn refund(&self, amount: i64) -> Vec<u8> {
        let mut desk = self.desk.lock().unwrap();
        desk.things.get_mut("ch_1").unwrap()["amount_refunded"] = amount.into();
        let charge = desk.things["ch_1"].clone();
        desk.event(self.now, "charge.refunded", charge)
    }
}

impl Drop for Stripe {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

async fn answer(State(desk): State<Arc<Mutex<Desk>>>, method: Method, uri: Uri, body: Bytes) -> Response {
    let mut desk = desk.lock().unwrap();
    desk.asked += 1;
    if desk.refuses {
        return StatusCode::FORBIDDEN.into_response();
    }
    let list =
        |data: &[Value]| Json(json!({"object": "list", "data": data, "has_more": false})).into_response();
    match (method, uri.path()) {
        (Method::POST, "/v1/checkout/sessions") => {
            desk.form = url::form_urlencoded::parse(&body).into_owned().collect();
            let session = json!({
                "id": "cs_test_1", "object": "checkout.session", "status": "open", "payment_status": "unpaid",
                "url": "https://checkout.stripe.com/c/pay/cs_test_1", "livemode": false,
                "client_reference_id": desk.form["client_reference_id"],
            });
            desk.things.insert("cs_test_1".into(), session.clone());
            Json(session).into_response()
        }
        (Method::GET, "/v1/events") => {
            let types = || {
                let query = url::form_urlencoded::parse(uri.query().unwrap_or_default().as_bytes());
                query.filter(|(name, _)| name == "types[]").map(|(_, kind)| kind.into_owned())
            };
            assert!((1..=20).contains(&types().count()), "stripe takes up to 20 types");
            let is_asked = |event: &&Value| types().any(|kind| event["type"] == kind);
            list(&desk.events.iter().filter(is_asked).cloned().collect::<Vec<_>>())
        }
        (Method::GET, "/v1/invoice_payments") => list(&[]),
        (Method::GET, path) => {
            let id = path.rsplit('/').next().unwrap();
            let Some(mut thing) = desk.things.get(id).cloned() else {
                return StatusCode::NOT_FOUND.into_response();
            };
            if thing["object"] == "payment_intent" {
                thing["latest_charge"] = desk.things["ch_1"].clone();
            }
            Json(thing).into_response()
        }
        _ => StatusCode::BAD_REQUEST.into_response(),
    }
}

impl Desk {
    fn event(&mut self, now: i64, kind: &str, thing: Value) -> Vec<u8> {
        let id = format!("evt_{}", self.events.len() + 1);
        let event =
            json!({"id": id, "object": "event", "type": kind, "created": now, "data": {"object": thing}});
        self.events.insert(0, event.clone());
        event.to_string().into_bytes()
    }
}
