//! A till in a town, asked as a client asks.

mod keys;
mod page;
mod reads;
mod refusals;
mod stories;
mod subscriptions;
mod webhooks;

use jiff::Timestamp;
use reqwest::{Method, RequestBuilder, StatusCode};
use sandbox::{Provider, STRIPE_SECRET_KEY, STRIPE_VERSION};
use serde_json::Value;
use url::form_urlencoded;

use crate::harness::{Town, answer};

pub(crate) type Pairs<'a> = Vec<(&'a str, String)>;

/// A body as Stripe takes it.
fn form(pairs: &[(&str, String)]) -> String {
    form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish()
}

/// The parameters of a session that is taken: one consult of 150.00 EUR.
fn order() -> Pairs<'static> {
    [
        ("mode", "payment"),
        ("success_url", "https://shop.example/ok?s={CHECKOUT_SESSION_ID}"),
        ("cancel_url", "https://shop.example/back"),
        ("client_reference_id", "boo_1"),
        ("line_items[0][price]", sandbox::ONE_TIME_PRICE),
        ("line_items[0][quantity]", "1"),
        ("metadata[contact]", "con_1"),
        ("payment_intent_data[metadata][contact]", "con_1"),
    ]
    .map(|(name, value)| (name, value.to_owned()))
    .to_vec()
}

/// The same with one parameter otherwise; none takes it away.
fn order_with(name: &'static str, value: Option<&str>) -> Pairs<'static> {
    let mut pairs = order();
    pairs.retain(|(known, _)| *known != name);
    pairs.extend(value.map(|value| (name, value.to_owned())));
    pairs
}

impl Town {
    pub(crate) fn stripe(&self, method: Method, path: &str) -> RequestBuilder {
        self.ask(method, &format!("/stripe/v1/{path}"))
            .bearer_auth(STRIPE_SECRET_KEY)
            .header("stripe-version", STRIPE_VERSION)
    }

    pub(crate) async fn stripe_get(&self, path: &str) -> (StatusCode, Value) {
        answer(self.stripe(Method::GET, path)).await
    }

    pub(crate) fn stripe_form(&self, path: &str, pairs: &[(&str, String)]) -> RequestBuilder {
        self.stripe(Method::POST, path)
            .header("content-type", "application/x-www-form-urlencoded")
            .body(form(pairs))
    }

    pub(crate) async fn stripe_post(&self, path: &str, pairs: &[(&str, String)]) -> (StatusCode, Value) {
        answer(self.stripe_form(path, pairs)).await
    }

    /// A session that is open.
    async fn session(&self) -> Value {
        self.session_of(&order()).await
    }

    async fn session_of(&self, pairs: &[(&str, String)]) -> Value {
        let (status, session) = self.stripe_post("checkout/sessions", pairs).await;
        assert_eq!(status, 200, "{session}");
        session
    }

    /// A subscription that was paid: the session as it then is.
    async fn subscribed(&self) -> Value {
        let mut pairs = order();
        pairs.retain(|(name, _)| !name.starts_with("payment_intent_data"));
        for (name, value) in &mut pairs {
            match *name {
                "mode" => *value = "subscription".to_owned(),
                "line_items[0][price]" => *value = sandbox::MONTHLY_PRICE.to_owned(),
                _ => {}
            }
        }
        pairs.push(("subscription_data[metadata][contact]", "con_1".to_owned()));
        let session = self.session_of(&pairs).await;
        self.sandbox.till().pay(id(&session), "ann@example.com").unwrap()
    }

    /// The types of all events, oldest first.
    async fn kinds(&self) -> Vec<String> {
        self.feed().await.iter().map(|event| event["type"].as_str().unwrap().to_owned()).collect()
    }

    async fn feed(&self) -> Vec<Value> {
        let (status, list) = self.stripe_get("events?limit=100").await;
        assert_eq!((status.as_u16(), &list["has_more"]), (200, &false.into()));
        let mut events = list["data"].as_array().unwrap().clone();
        events.reverse();
        events
    }

    /// The newest event of a type.
    async fn event(&self, kind: &str) -> Value {
        let (_, list) = self.stripe_get(&format!("events?type={kind}&limit=1")).await;
        assert_eq!(list["data"][0]["type"], kind, "{list}");
        list["data"][0].clone()
    }

    /// Waits until no webhook of Stripe's is on its way.
    async fn told(&self) {
        let deadline = std::time::Instant::now() + std::time::Duration::from_secs(20);
        while self.sandbox.webhooks(Provider::Stripe).under_way() > 0 {
            assert!(std::time::Instant::now() < deadline, "webhooks are still on their way");
            tokio::task::yield_now().await;
        }
    }
}

fn id(object: &Value) -> &str {
    object["id"].as_str().unwrap()
}

fn now() -> i64 {
    Timestamp::now().as_second()
}
