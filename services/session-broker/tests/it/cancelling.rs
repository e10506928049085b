//! Ending a session.

use domain::{Kind, Reason};
use serde_json::Value;

use crate::{
    broker::{Broker, KEY, refused, visitor},
    shared::Shared,
    upstream::{Reply, secret},
};

fn plain(status: u16) -> Reply {
    Reply::Plain(status, vec![], "{}".into())
}

async fn secret_of(broker: &Broker, number: u8) -> String {
    broker.create(visitor(number), Default::default()).await.unwrap().client_secret
}

#[tokio::test]
async fn a_visitor_ends_its_session() {
    let broker = Broker::start().await;
    let session = broker.create(visitor(1), Default::default()).await.unwrap();
    broker.upstream.script([plain(200)]);
    broker.cancel(visitor(1), &session.session_id).await.unwrap();

    let asked = broker.upstream.asked();
    assert_eq!(asked[1].path, "/v1/chatkit/sessions/cksess_1/cancel");
    assert_eq!(asked[1].headers["openai-beta"], "chatkit_beta=v1");
    assert_eq!(asked[1].headers["authorization"], format!("Bearer {KEY}"));
    assert_eq!(asked[1].body, Value::Null);

    broker.cancel(visitor(1), &session.session_id).await.expect("twice is fine");
    assert_eq!(broker.asked(), 2, "OpenAI is asked once");
    assert_eq!(secret_of(&broker, 1).await, secret(2), "the secret is not served again");
}

#[tokio::test]
async fn a_session_that_another_instance_ended_is_not_served_again() {
    let [here, there] = Shared::new().instances([]).await;
    let session = here.create(visitor(1), Default::default()).await.unwrap();
    assert_eq!(secret_of(&here, 1).await, session.client_secret);
    there.upstream.script([plain(200)]);
    there.cancel(visitor(1), &session.session_id).await.unwrap();
    assert_eq!(secret_of(&here, 1).await, secret(2));
}

#[tokio::test]
async fn a_session_of_another_visitor_does_not_exist() {
    let broker = Broker::start().await;
    let session = broker.create(visitor(1), Default::default()).await.unwrap();
    for id in [session.session_id.as_str(), "cksess_99", "", "../1", &"x".repeat(300)] {
        let answer = broker.cancel(visitor(2), id).await;
        refused(answer, Kind::NotFound, Reason::SessionUnknown);
    }
    let nobody = broker.cancel(Default::default(), &session.session_id).await;
    refused(nobody, Kind::Unauthenticated, Reason::CallerMissing);
    assert_eq!(broker.asked(), 1);
    assert_eq!(secret_of(&broker, 1).await, secret(1), "it goes on");
}

#[tokio::test]
async fn ending_an_old_session_leaves_the_new_one() {
    let broker = Broker::start().await;
    let old = broker.create(visitor(1), Default::default()).await.unwrap();
    let new = broker.refresh(visitor(1), &old.client_secret).await.unwrap();
    broker.upstream.script([plain(200)]);
    broker.cancel(visitor(1), &old.session_id).await.unwrap();
    assert_eq!(secret_of(&broker, 1).await, new.client_secret);
}

#[tokio::test]
async fn a_session_that_openai_does_not_know_has_ended() {
    let broker = Broker::start().await;
    let session = broker.create(visitor(1), Default::default()).await.unwrap();
    broker.upstream.script([plain(404)]);
    broker.cancel(visitor(1), &session.session_id).await.unwrap();
}

#[tokio::test]
async fn a_cancel_that_failed_can_be_repeated_and_the_secret_is_gone_meanwhile() {
    let broker = Broker::start().await;
    let session = broker.create(visitor(1), Default::default()).await.unwrap();
    broker.upstream.script([plain(503), plain(503)]);
    let answer = broker.cancel(visitor(1), &session.session_id).await;
    refused(answer, Kind::Unavailable, Reason::ProviderUnavailable);
    assert_eq!(secret_of(&broker, 1).await, secret(2));
    broker.upstream.script([plain(200)]);
    broker.cancel(visitor(1), &session.session_id).await.unwrap();
    assert_eq!(broker.asked(), 5);
}

#[tokio::test]
async fn a_record_is_kept_for_a_day_after_the_session() {
    let broker = Broker::start().await;
    let session = broker.create(visitor(1), Default::default()).await.unwrap();
    broker.time.advance(600 + 86_400 - 1);
    broker.upstream.script([plain(200)]);
    broker.cancel(visitor(1), &session.session_id).await.unwrap();
    broker.time.advance(1);
    let answer = broker.cancel(visitor(1), &session.session_id).await;
    refused(answer, Kind::NotFound, Reason::SessionUnknown);
}
