//! What an operator sees and does.

use serde_json::json;

use super::{
    bench::{Bench, destination, verify},
    receiver::{Receiver, Temper},
};
use crate::{
    deliveries::{Tested, catalogue, record::State},
    error::Error,
};

#[tokio::test]
async fn a_sample_of_every_type_can_be_sent_and_leaves_nothing_behind() {
    let receiver = Receiver::start().await;
    let bench = Bench::new(vec![destination("one", &receiver.url)]);
    for entry in catalogue::all() {
        let Tested { answer, event_id, .. } = bench.deliveries.test("one", entry.name).await.unwrap();
        assert_eq!((answer.status, answer.error), (Some(204), None));
        let received = receiver.received().pop().unwrap();
        verify(&received);
        assert_eq!((&received.body["test"], &received.body["id"]), (&json!(true), &json!(event_id)));
    }
    receiver.then([Temper::Status(500)]);
    let failed = bench.deliveries.test("one", "").await.unwrap().answer;
    assert_eq!((failed.status, failed.error.as_deref()), (Some(500), Some("the receiver answered 500")));
    for (destination, kind) in [("two", ""), ("one", "lead.lost")] {
        assert!(matches!(bench.deliveries.test(destination, kind).await, Err(Error::Refused(_))));
    }
    for state in [State::Waiting, State::Parked, State::Done] {
        assert_eq!(bench.in_state(state).await, []);
    }
}

#[tokio::test]
async fn one_delivery_is_sent_again_in_whatever_state_it_is() {
    let receiver = Receiver::start().await;
    let mut bench = Bench::new(vec![destination("one", &receiver.url)]);
    bench.take(json!({"type": "chat.turn", "session_id": "s1"})).await;
    bench.settle_all().await;
    let (done, _) = bench.deliveries.list(State::Done, "one", 10, None).await.unwrap();
    assert_eq!(bench.deliveries.resend(&done[0].id).await.unwrap(), 1);
    bench.settle_all().await;
    let received = receiver.received();
    assert_eq!(received.len(), 2);
    assert_eq!(received[0].raw, received[1].raw);
    for unknown in ["nothing", "a/b", ""] {
        assert!(matches!(bench.deliveries.resend(unknown).await, Err(Error::Refused(_))), "{unknown}");
    }
}

#[tokio::test]
async fn what_waits_for_a_destination_that_was_removed_is_parked_and_can_be_sent_once_it_is_back() {
    let receiver = Receiver::start().await;
    let both = || vec![destination("one", &receiver.url), destination("two", &receiver.url)];
    let mut bench = Bench::new(both());
    bench.take(json!({"type": "chat.turn", "session_id": "s1"})).await;
    bench.restart(vec![destination("two", &receiver.url)]);
    bench.deliveries.park_removed().await.unwrap();
    bench.settle_all().await;
    let parked = bench.in_state(State::Parked).await;
    assert_eq!((parked.len(), parked[0].destination.as_str()), (1, "one"));
    assert_eq!(receiver.received().len(), 1);
    bench.restart(both());
    assert_eq!(bench.deliveries.resend_parked("one").await.unwrap(), 1);
    bench.settle_all().await;
    assert_eq!(receiver.received().len(), 2);
}
