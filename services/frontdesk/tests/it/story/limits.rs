//! Limits: a refusal says when to come back, and hits nobody else.

use serde_json::json;

use super::answer::{Answer, DEVICE, SESSION};
use crate::world::World;

/// Checks a refusal's headers.
#[track_caller]
fn refused(answer: &Answer) {
    answer.problem(429, "RATE_LIMITED");
    let number =
        |name: &str| answer.header(name).parse::<u64>().unwrap_or_else(|_| panic!("{name}: {answer:?}"));
    assert!((1..=60).contains(&number("retry-after")), "{answer:?}");
    assert!(number("ratelimit-limit") > 0, "{answer:?}");
    assert_eq!(number("ratelimit-remaining"), 0, "{answer:?}");
    assert!((1..=600).contains(&number("ratelimit-reset")), "{answer:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_eleventh_quick_call_of_a_visitor_is_refused() {
    // The burst is the default one; a slow machine must not earn calls back meanwhile.
    let world = World::with(&[("LIMIT_VISITOR", "1/m:10")]).await;
    let visitor = json!({"deviceId": DEVICE});
    for call in 1..=10 {
        assert_eq!(world.session(&visitor).await.status, 200, "call {call}");
    }
    refused(&world.session(&visitor).await);
    assert_eq!(world.session(&json!({})).await.status, 200, "somebody else is served");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_has_a_limit_whoever_calls_from_it() {
    let world = World::with(&[("LIMIT_IP", "1/m:3")]).await;
    for call in 1..=3 {
        assert_eq!(world.session(&json!({})).await.status, 200, "call {call}");
    }
    refused(&world.session(&json!({})).await);
    let forwarded = world.send(SESSION, "{}").header("x-forwarded-for", "192.0.2.7");
    refused(&Answer::of(forwarded).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn without_settings_ten_calls_are_let_through_at_once() {
    let world = World::start().await;
    for call in 1..=10 {
        assert_eq!(world.session(&json!({"deviceId": DEVICE})).await.status, 200, "call {call}");
    }
}
