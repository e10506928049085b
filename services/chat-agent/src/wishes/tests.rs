//! Two calls of one wish at once that end differently: whoever heard that nobody knows goes on with the same wish.

use std::sync::{
    Arc,
    atomic::{AtomicI64, Ordering::SeqCst},
};

use jiff::Timestamp;
use serde_json::Value;
use store::sqlite::Sqlite;
use tempfile::TempDir;
use tools::Outcome;

use super::{Attempt, Wishes};
use crate::SCHEMA;

const DONE: Outcome = Outcome {
    output: Value::Null,
    is_error: false,
    is_refused: false,
    is_unknown: false,
    receipt: None,
    unanswered: None,
};
const UNKNOWN: Outcome = Outcome { is_error: true, is_unknown: true, ..DONE };
const REFUSED: Outcome = Outcome { is_error: true, is_refused: true, ..DONE };

struct Desk {
    wishes: Wishes,
    minutes: Arc<AtomicI64>,
    _dir: TempDir,
}

impl Desk {
    fn open() -> Self {
        let minutes = Arc::new(AtomicI64::new(0));
        let time = minutes.clone();
        let clock: store::Clock =
            Arc::new(move || Timestamp::from_second(1_800_000_000 + 60 * time.load(SeqCst)).unwrap());
        let dir = tempfile::tempdir().unwrap();
        let store = Sqlite::open(&dir.path().join("desk.db"), SCHEMA, clock.clone()).unwrap();
        Self { wishes: Wishes::new(Arc::new(store), clock), minutes, _dir: dir }
    }

    async fn begin(&self, by: &str) -> Attempt {
        self.wishes.begin("book".to_owned(), by.to_owned()).await.unwrap()
    }

    /// Two calls at once that end like this, in this order; the second one later by an hour, so that none is a
    /// repetition for the time alone.
    async fn twins(&self, [first, second]: [&Outcome; 2]) -> String {
        let twins = [self.begin("req_1").await, self.begin("req_1").await];
        assert_eq!(twins[0].request_id, twins[1].request_id);
        self.wishes.end(&twins[0], first).await;
        self.minutes.fetch_add(60, SeqCst);
        self.wishes.end(&twins[1], second).await;
        self.minutes.fetch_add(60, SeqCst);
        twins[0].request_id.clone()
    }
}

#[tokio::test]
async fn who_heard_that_nobody_knows_goes_on_though_a_twin_has_succeeded() {
    let desk = Desk::open();
    let wish = desk.twins([&DONE, &UNKNOWN]).await;
    let again = desk.begin("req_2").await;
    assert_eq!(again.request_id, wish);
    desk.wishes.end(&again, &DONE).await;
    desk.minutes.fetch_add(60, SeqCst);
    assert_ne!(desk.begin("req_3").await.request_id, wish, "that was its end");
}

#[tokio::test]
async fn a_success_ends_what_was_unknown_and_a_refusal_does_not_reopen_it() {
    for ends in [[&UNKNOWN, &DONE], [&DONE, &REFUSED], [&DONE, &DONE]] {
        let desk = Desk::open();
        let wish = desk.twins(ends).await;
        assert_ne!(desk.begin("req_2").await.request_id, wish);
    }
}

#[tokio::test]
async fn an_end_says_nothing_of_a_later_wish() {
    let desk = Desk::open();
    let late = desk.begin("req_1").await;
    desk.wishes.end(&desk.begin("req_1").await, &DONE).await;
    desk.minutes.fetch_add(60, SeqCst);
    let other = desk.begin("req_2").await;
    assert_ne!(other.request_id, late.request_id);
    desk.wishes.end(&other, &DONE).await;
    desk.wishes.end(&late, &UNKNOWN).await;
    desk.minutes.fetch_add(60, SeqCst);
    assert_ne!(desk.begin("req_3").await.request_id, other.request_id);
}
