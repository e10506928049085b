//! Webhooks: signed, in order, tried again, and what the knobs make of them.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use axum::{
    Router,
    body::Bytes,
    extract::State,
    http::{HeaderMap, StatusCode},
};
use hmac::{Hmac, KeyInit as _, Mac as _};
use sandbox::{Outcome, Provider};
use serde_json::Value;
use sha2::Sha256;
use tokio::net::TcpListener;

use super::{id, now};
use crate::harness::Town;

const SECRET: &str = "whsec_test";

/// A receiver that verifies as Stripe's documentation says, and refuses the first requests.
#[derive(Clone, Default)]
struct Ear(Arc<Mutex<(usize, Vec<Value>)>>);

impl Ear {
    async fn listening(town: &Town, refusing: usize) -> Self {
        let ear = Self::default();
        ear.0.lock().unwrap().0 = refusing;
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/hook", listener.local_addr().unwrap());
        let router = Router::new().fallback(hear).with_state(ear.clone());
        tokio::spawn(sandbox::serve(listener, router, std::future::pending()));
        town.sandbox.set_webhook(Provider::Stripe, &url, SECRET);
        town.sandbox.webhooks(Provider::Stripe).set_retries(vec![Duration::from_millis(1); 3]);
        ear
    }

    fn kinds(&self) -> Vec<String> {
        self.0.lock().unwrap().1.iter().map(|event| event["type"].as_str().unwrap().to_owned()).collect()
    }
}

async fn hear(State(ear): State<Ear>, headers: HeaderMap, body: Bytes) -> StatusCode {
    let signature = headers["stripe-signature"].to_str().unwrap();
    let (at, given) = signature.strip_prefix("t=").unwrap().split_once(",v1=").unwrap();
    assert!((now() - at.parse::<i64>().unwrap()).abs() < 60);
    let mut mac = Hmac::<Sha256>::new_from_slice(SECRET.as_bytes()).unwrap();
    mac.update([at.as_bytes(), b".", &body].concat().as_slice());
    let hex: String = mac.finalize().into_bytes().iter().map(|byte| format!("{byte:02x}")).collect();
    if hex != given || headers["content-type"] != "application/json; charset=utf-8" {
        return StatusCode::UNAUTHORIZED;
    }
    let mut heard = ear.0.lock().unwrap();
    if heard.0 > 0 {
        heard.0 -= 1;
        return StatusCode::SERVICE_UNAVAILABLE;
    }
    heard.1.push(serde_json::from_slice(&body).unwrap());
    StatusCode::OK
}

#[tokio::test]
async fn every_event_comes_once_in_order_and_is_the_one_of_the_list() {
    let town = Town::new().await;
    let ear = Ear::listening(&town, 0).await;
    town.sandbox.till().pay(id(&town.session().await), "ann@example.com").unwrap();
    town.told().await;
    assert_eq!(ear.kinds(), town.kinds().await);
    let feed = town.feed().await;
    assert_eq!(ear.0.lock().unwrap().1, feed);
    let log = town.sandbox.webhooks(Provider::Stripe).log();
    assert!(log.iter().all(|sent| (sent.attempt, &sent.outcome) == (1, &Outcome::Answered(200))));
    assert_eq!(log.len(), 4);
}

#[tokio::test]
async fn what_is_refused_is_tried_again() {
    let town = Town::new().await;
    let ear = Ear::listening(&town, 2).await;
    let session = town.session().await;
    town.sandbox.till().expire(id(&session)).unwrap();
    town.told().await;
    assert_eq!(ear.kinds(), ["checkout.session.expired"]);
    let log = town.sandbox.webhooks(Provider::Stripe).log();
    let outcomes: Vec<_> = log.iter().map(|sent| (sent.attempt, sent.outcome.clone())).collect();
    let refused = Outcome::Answered(503);
    assert_eq!(outcomes, [(1, refused.clone()), (2, refused), (3, Outcome::Answered(200))]);
}

#[tokio::test]
async fn after_the_last_attempt_it_is_over_until_somebody_sends_it_again() {
    let town = Town::new().await;
    let ear = Ear::listening(&town, 4).await;
    town.sandbox.till().expire(id(&town.session().await)).unwrap();
    town.told().await;
    assert!(ear.kinds().is_empty());
    let webhooks = town.sandbox.webhooks(Provider::Stripe);
    let event = webhooks.log()[0].id.clone();
    assert!(webhooks.resend(&event) && !webhooks.resend("evt_none"));
    town.told().await;
    assert_eq!(ear.kinds(), ["checkout.session.expired"]);
}

#[tokio::test]
async fn lost_twice_held_and_released() {
    let town = Town::new().await;
    let ear = Ear::listening(&town, 0).await;
    let (till, webhooks) = (town.sandbox.till(), town.sandbox.webhooks(Provider::Stripe));
    webhooks.lose(2);
    till.pay(id(&town.session().await), "ann@example.com").unwrap();
    town.told().await;
    let all = town.kinds().await;
    assert_eq!(ear.kinds(), all[2..], "the first two are lost");
    assert_eq!(webhooks.resend_lost(), 2);
    town.told().await;
    assert_eq!(ear.kinds()[2..], all[..2]);
    assert_eq!(webhooks.resend_lost(), 0, "they were brought meanwhile");

    webhooks.duplicate();
    till.expire(id(&town.session().await)).unwrap();
    town.told().await;
    assert_eq!(ear.kinds()[4..], ["checkout.session.expired", "checkout.session.expired"]);

    webhooks.hold();
    till.pay(id(&town.session().await), "ann@example.com").unwrap();
    town.told().await;
    assert_eq!((ear.kinds().len(), webhooks.held().len()), (6, 4));
    assert!(webhooks.release(3) && !webhooks.release(3));
    town.told().await;
    assert_eq!(ear.kinds()[6..], ["checkout.session.completed"]);
    assert_eq!((webhooks.release_all(), webhooks.held().len()), (3, 0));
    town.told().await;
    assert_eq!(ear.kinds()[7..], all[..3]);
    webhooks.lose(usize::MAX);
    till.expire(id(&town.session().await)).unwrap();
    town.told().await;
    webhooks.deliver();
    assert_eq!((ear.kinds().len(), webhooks.way()), (10, "deliver"));
}
