//! Receivers that are slow, fail, redirect, hang, or want no more.

use std::time::Duration;

use jiff::SignedDuration;
use serde_json::{Value, json};

use super::{
    bench::{Bench, destination, verify},
    receiver::{Receiver, Temper},
};
use crate::deliveries::{Guard, record::State};

fn turn(session: &str) -> Value {
    json!({"id": format!("evt_{session}"), "type": "chat.turn", "session_id": session, "message": "hello"})
}

fn session(body: &Value) -> &str {
    body["data"]["session_id"].as_str().unwrap()
}

#[tokio::test]
async fn whatever_the_receiver_does_it_gets_every_event_signed_and_within_its_backoff() {
    let (receiver, elsewhere) = (Receiver::start().await, Receiver::start().await);
    receiver.then([
        Temper::Hangs,
        Temper::Status(500),
        Temper::Redirect(elsewhere.url.clone()),
        Temper::Status(404),
        Temper::Later(503, 120),
        Temper::Slow(Duration::from_millis(50)),
        Temper::Endless,
    ]);
    let mut bench = Bench::new(vec![destination("one", &receiver.url)]);
    bench.take(turn("a")).await;
    let took = bench.settle_all().await;
    // five pauses: 5, 10, 20 and 40 seconds at most and at least half, then the two minutes that were asked for
    assert!((157..=195).contains(&took.as_secs()), "{took:#}");
    let received = receiver.received();
    assert_eq!(received.len(), 6);
    received.iter().for_each(verify);
    assert!(received.iter().all(|one| one.raw == received[0].raw), "the same event, byte by byte");
    assert!(elsewhere.received().is_empty(), "a redirect is not followed");
    bench.take(turn("b")).await;
    bench.settle_all().await;
    assert_eq!(receiver.types(), ["chat.turn", "chat.turn"]);
    let mut attempts: Vec<_> =
        bench.in_state(State::Done).await.iter().map(|record| record.attempts).collect();
    attempts.sort_unstable();
    assert_eq!(attempts, [1, 6]);
}

#[tokio::test]
async fn a_day_of_failures_parks_one_event_and_delays_no_other() {
    let receiver = Receiver::start().await;
    receiver.always(|body| (session(body) == "poison").then_some(Temper::Status(500)));
    let mut bench = Bench::new(vec![destination("one", &receiver.url)]);
    bench.take(turn("poison")).await;
    bench.take(json!((0..100).map(|n| turn(&format!("s{n}"))).collect::<Vec<_>>())).await;
    bench.settle().await;
    assert_eq!(receiver.types().len(), 100, "all others went out at once");
    let took = bench.settle_all().await;
    assert_eq!(took.as_secs(), 24 * 3_600);
    let parked = bench.in_state(State::Parked).await;
    assert_eq!((parked.len(), parked[0].status), (1, Some(500)));
    assert!((25..60).contains(&parked[0].attempts), "{}", parked[0].attempts);
    assert_eq!(parked[0].error.as_deref(), Some("the receiver answered 500"));
    let tried = receiver.received().len();
    bench.pass(SignedDuration::from_hours(24));
    assert_eq!(bench.settle().await, None);
    assert_eq!(receiver.received().len(), tried);
}

#[tokio::test]
async fn what_happens_to_one_thing_arrives_in_its_order() {
    let receiver = Receiver::start().await;
    receiver.always(|_| Some(Temper::Slow(Duration::from_millis(5))));
    let mut bench = Bench::new(vec![destination("one", &receiver.url)]);
    for score in 1..=5 {
        let turn = json!({"type": "chat.turn", "session_id": "a", "score": 0.5 + f64::from(score) / 100.0});
        bench.take(turn).await;
        bench.pass(SignedDuration::from_millis(1));
    }
    bench.settle_all().await;
    let revisions: Vec<u64> = receiver
        .received()
        .iter()
        .filter(|received| received.body["type"].as_str().unwrap().starts_with("lead."))
        .map(|received| received.body["data"]["revision"].as_u64().unwrap())
        .collect();
    assert_eq!(revisions, [1, 2, 3, 4, 5]);
}

#[tokio::test]
async fn one_destination_does_not_wait_for_another() {
    let (dead, live) = (Receiver::start().await, Receiver::start().await);
    dead.always(|_| Some(Temper::Status(503)));
    let mut bench = Bench::new(vec![destination("dead", &dead.url), destination("live", &live.url)]);
    bench.take(turn("a")).await;
    bench.settle().await;
    assert_eq!((live.types().len(), dead.types().len(), dead.received().len()), (1, 0, 1));
}

#[tokio::test]
async fn too_many_requests_lets_the_whole_destination_rest() {
    let receiver = Receiver::start().await;
    receiver.then([Temper::Later(429, 30)]);
    let mut bench = Bench::new(vec![destination("one", &receiver.url)]);
    bench.take(turn("a")).await;
    bench.settle().await;
    bench.take(turn("b")).await;
    assert_eq!(bench.settle().await, Some(bench.now() + SignedDuration::from_secs(30)));
    assert_eq!(receiver.received().len(), 1);
    bench.settle_all().await;
    assert_eq!(receiver.types().len(), 2);
}

#[tokio::test]
async fn a_receiver_that_is_gone_gets_no_more_until_somebody_turns_it_on() {
    let receiver = Receiver::start().await;
    receiver.then([Temper::Status(410)]);
    let mut bench = Bench::new(vec![destination("one", &receiver.url)]);
    bench.take(turn("a")).await;
    bench.settle_all().await;
    bench.take(turn("b")).await;
    bench.settle_all().await;
    assert_eq!(receiver.received().len(), 1, "the second one was not even tried");
    assert!(bench.deliveries.outlets()[0].is_off());
    let errors: Vec<_> =
        bench.in_state(State::Parked).await.into_iter().map(|record| record.error.unwrap()).collect();
    assert_eq!(errors.len(), 2);
    assert!(errors[0].contains("410") && errors[1].contains("switched off"), "{errors:?}");
    assert_eq!(bench.deliveries.resend_parked("one").await.unwrap(), 2);
    bench.settle_all().await;
    assert_eq!(receiver.types().len(), 2);
    assert!(!bench.deliveries.outlets()[0].is_off());
}

#[tokio::test]
async fn nothing_goes_into_the_network_around_us() {
    let receiver = Receiver::start().await;
    let by_name = receiver.url.replace("127.0.0.1", "localhost");
    let mut bench = Bench::guarded(vec![destination("one", &by_name)], Guard { local: false });
    bench.take(turn("a")).await;
    bench.settle().await;
    assert!(receiver.received().is_empty());
    let waiting = bench.in_state(State::Waiting).await;
    assert_eq!((waiting[0].attempts, waiting[0].status), (1, None));
    let shown = waiting[0].error.clone().unwrap();
    assert!(shown.contains("not public") && !shown.contains("localhost"), "{shown}");
}

#[tokio::test]
async fn what_is_done_is_kept_for_seven_days() {
    let receiver = Receiver::start().await;
    let mut bench = Bench::new(vec![destination("one", &receiver.url)]);
    bench.take(turn("a")).await;
    bench.settle_all().await;
    bench.pass(SignedDuration::from_hours(7 * 24 - 1));
    assert_eq!(bench.in_state(State::Done).await.len(), 1);
    bench.pass(SignedDuration::from_hours(1));
    assert_eq!(bench.in_state(State::Done).await.len(), 0);
}
