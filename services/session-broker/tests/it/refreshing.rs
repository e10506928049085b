//! Replacing a secret.

use domain::{Kind, Reason};
use serde_json::json;

use crate::{
    broker::{Broker, refused, visitor},
    upstream::{Reply, secret},
};

#[tokio::test]
async fn a_refresh_never_answers_the_secret_that_it_was_shown() {
    let broker = Broker::start().await;
    let first = broker.create(visitor(1), Default::default()).await.unwrap().client_secret;
    let second = broker.refresh(visitor(1), &first).await.unwrap().client_secret;
    assert_eq!((first, second.clone()), (secret(1), secret(2)));
    // A second tab that still holds the first secret gets what the first tab got.
    assert_eq!(broker.refresh(visitor(1), &secret(1)).await.unwrap().client_secret, second);
    assert_eq!(broker.create(visitor(1), Default::default()).await.unwrap().client_secret, second);
    assert_eq!(broker.asked(), 2);
}

#[tokio::test]
async fn a_refresh_without_a_secret_is_a_create() {
    let broker = Broker::start().await;
    let first = broker.refresh(visitor(1), "").await.unwrap().client_secret;
    assert_eq!(broker.refresh(visitor(1), "").await.unwrap().client_secret, first);
    assert_eq!(broker.asked(), 1);
}

#[tokio::test]
async fn two_tabs_that_refresh_at_once_get_one_new_secret() {
    let broker = Broker::start().await;
    let shown = broker.create(visitor(1), Default::default()).await.unwrap().client_secret;
    let release = broker.upstream.hold();
    let (one, other, ()) =
        tokio::join!(broker.refresh(visitor(1), &shown), broker.refresh(visitor(1), &shown), async {
            broker.upstream.until_asked(2).await;
            release.send(()).unwrap();
        });
    assert_eq!(one.unwrap().client_secret, secret(2));
    assert_eq!(other.unwrap().client_secret, secret(2));
    assert_eq!(broker.asked(), 2);
}

#[tokio::test]
async fn nobody_elses_secret_is_replaced() {
    let broker = Broker::start().await;
    let theirs = broker.create(visitor(1), Default::default()).await.unwrap().client_secret;
    assert_eq!(broker.refresh(visitor(2), &theirs).await.unwrap().client_secret, secret(2));
    assert_eq!(broker.create(visitor(1), Default::default()).await.unwrap().client_secret, theirs);
}

#[tokio::test]
async fn a_provider_that_repeats_itself_does_not_get_through() {
    let broker = Broker::start().await;
    let first = broker.create(visitor(1), Default::default()).await.unwrap();
    let same = json!({
        "id": first.session_id,
        "client_secret": first.client_secret,
        "expires_at": broker.time.seconds() + 600,
    });
    let same = || Reply::Plain(200, vec![], same.to_string());
    broker.upstream.script([same(), same()]);
    let answer = broker.refresh(visitor(1), &first.client_secret).await;
    refused(answer, Kind::Unavailable, Reason::ProviderUnavailable);
}
