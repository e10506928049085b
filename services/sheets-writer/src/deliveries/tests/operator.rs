//! What an operator sees and does.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use jiff::SignedDuration;
use serde_json::json;
use store::{Commit, Document, Error as StoreError, Key, Page, Query, Store, Write};

use super::{
    bench::{Bench, destination, verify},
    receiver::{Receiver, Temper},
};
use crate::{
    deliveries::{
        Tested, catalogue,
        record::{self, State},
    },
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

/// A store under a receiver that answers 410 at once: whatever is due is parked again before the next page is read.
struct Refusing {
    bench: Arc<Bench>,
    pages: AtomicUsize,
}

#[async_trait::async_trait]
impl Store for Refusing {
    async fn get(&self, key: &Key) -> Result<Option<Document>, StoreError> {
        self.bench.store.get(key).await
    }

    async fn get_many(&self, keys: &[Key]) -> Result<Vec<Option<Document>>, StoreError> {
        self.bench.store.get_many(keys).await
    }

    async fn commit(&self, writes: Vec<Write>) -> Result<Commit, StoreError> {
        self.bench.store.commit(writes).await
    }

    async fn query(&self, query: Query) -> Result<Page, StoreError> {
        assert!(self.pages.fetch_add(1, Ordering::SeqCst) < 20, "it never ends");
        self.bench.pass(SignedDuration::from_secs(5));
        for mut found in record::waiting(&*self.bench.store, "one", 1_000).await? {
            found.value.park("it answered 410");
            assert!(matches!(record::save(&*self.bench.store, &found).await?, Commit::Done(_)));
        }
        self.bench.store.query(query).await
    }

    fn is_shared(&self) -> bool {
        false
    }
}

#[tokio::test]
async fn what_is_parked_again_meanwhile_is_sent_again_once() {
    const PARKED: u32 = 230;
    let to = || vec![destination("one", "http://127.0.0.1:9/hook")];
    let bench = Arc::new(Bench::new(to()));
    for n in 0..PARKED {
        bench.take(json!({"type": "chat.turn", "session_id": format!("s{n}")})).await;
    }
    let refusing = Refusing { bench: bench.clone(), pages: AtomicUsize::new(0) };
    let parked = refusing.query(Query::new(&record::BY_STATE, [json!(State::Parked)])).await.unwrap();
    assert_eq!(parked.documents.len(), 100);
    assert_eq!(bench.process(Arc::new(refusing), to()).resend_parked("one").await.unwrap(), PARKED);
}
