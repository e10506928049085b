//! Which call repeats which: the same wish has one effect, and another one is made again.

use std::sync::atomic::Ordering::SeqCst;

use futures_util::future::join_all;

use super::*;
use crate::stores::{Frail, Time};

/// The service at a time that the test moves, over a store that can fail.
struct Office {
    desk: Desk,
    world: World,
    store: std::sync::Arc<Frail>,
    time: Time,
}

impl Office {
    async fn start() -> Self {
        let world = World::new();
        let url: &'static str = world.serve().await.leak();
        let names = ["SHEETS_WRITER_ADDR", "BOOKING_PAYMENTS_ADDR", "WHOP_GATEWAY_ADDR", "OPS_COPILOT_ADDR"];
        let settings = names.map(|name| (name, url)).into_iter().chain([("LIMIT_CHAT", "off")]).collect();
        let time = Time::start();
        let store = Frail::new(&time);
        let setup = Setup { settings, store: Some(store.clone()), clock: time.clock(), ..Setup::default() };
        Self { desk: setup.start().await, world, store, time }
    }

    /// Ada calls a tool under an id of her agent's connection.
    async fn call(&self, id: &str, name: &str, arguments: &str) -> CallToolResponse {
        call(&self.desk, ada(), id, name, arguments).await.unwrap()
    }

    async fn book(&self, id: &str) -> CallToolResponse {
        self.call(id, "book_meeting", &booking()).await
    }

    /// The same with a key of her agent's own.
    async fn book_keyed(&self, request_id: &str) -> CallToolResponse {
        let (name, arguments, keyed) = ("book_meeting".into(), booking(), true);
        let request =
            CallToolRequest { caller: Some(ada()), request_id: request_id.into(), name, arguments, keyed };
        self.desk.tools.clone().call_tool(request).await.unwrap().into_inner()
    }

    async fn cancel(&self, id: &str, booked: &CallToolResponse) {
        let arguments = json!({"booking_id": output(booked)["meeting"]["booking_id"]}).to_string();
        assert!(!self.call(id, "cancel_meeting", &arguments).await.is_error);
    }

    /// How many meetings were wished for.
    fn wishes(&self) -> usize {
        self.world.desk().effects.keys().filter(|(rpc, ..)| *rpc == "create_booking").count()
    }

    /// The next call has its effect, and the answer is lost.
    async fn lose(&self, id: &str) {
        self.world.desk().lose = 3;
        let lost = self.book(id).await;
        assert!(lost.is_error && lost.output.contains("NOT certain"), "{}", lost.output);
        assert_eq!(self.world.desk().lose, 0);
    }
}

#[tokio::test]
async fn an_answer_that_was_lost_on_the_way_back_is_asked_for_again() {
    let office = Office::start().await;
    let booked = office.book("req_1").await;
    office.time.advance_minutes(9);
    assert_eq!((office.book("req_1").await, office.wishes()), (booked, 1));
}

#[tokio::test]
async fn a_connection_that_counts_from_one_again_books_again() {
    let office = Office::start().await;
    let booked = office.book("req_1").await;
    office.cancel("req_2", &booked).await;
    office.time.advance_minutes(11);
    let again = office.book("req_1").await;
    assert_eq!((output(&again)["meeting"]["status"].as_str(), office.wishes()), (Some("booked"), 2));
    assert_ne!(output(&again)["meeting"]["booking_id"], output(&booked)["meeting"]["booking_id"]);
}

#[tokio::test]
async fn what_was_cancelled_since_is_never_told_as_booked() {
    let office = Office::start().await;
    let booked = office.book("req_1").await;
    office.cancel("req_2", &booked).await;
    let refused = office.book("req_1").await;
    assert!(refused.is_error && refused.output.contains("was cancelled since"), "{}", refused.output);
    assert_eq!(office.wishes(), 1);
    let again = office.book("req_1").await;
    assert_eq!((again.is_error, office.wishes()), (false, 2), "whoever calls again has heard that");
}

#[tokio::test]
async fn once_more_after_a_failure_is_the_same_wish_whatever_its_id() {
    let office = Office::start().await;
    office.lose("req_1").await;
    let booked = office.book("req_2").await;
    assert_eq!((booked.is_error, office.wishes()), (false, 1));
    for id in ["req_1", "req_2"] {
        assert_eq!(office.book(id).await, booked, "both are known by then");
    }
    assert_eq!(office.wishes(), 1);
    office.time.advance_minutes(3);
    office.book("req_3").await;
    assert_eq!(office.wishes(), 2, "it has come to an end");
}

#[tokio::test]
async fn an_answer_that_was_lost_is_asked_for_again_under_another_id() {
    let office = Office::start().await;
    let booked = office.book("req_1").await;
    office.time.advance_minutes(1);
    assert_eq!((office.book("req_2").await, office.wishes()), (booked, 1));
    for n in 3..=11 {
        office.time.advance_minutes(1);
        office.book(&format!("req_{n}")).await;
    }
    assert_eq!(office.wishes(), 2, "whoever wants it every minute has heard");
}

#[tokio::test]
async fn a_success_that_came_late_is_asked_for_again_too() {
    let office = Office::start().await;
    office.lose("req_1").await;
    office.time.advance_minutes(11);
    let booked = office.book("req_2").await;
    office.time.advance_minutes(1);
    assert_eq!((office.book("req_3").await, office.wishes()), (booked, 1));
}

#[tokio::test]
async fn a_wish_that_was_refused_is_over() {
    let office = Office::start().await;
    office.lose("req_1").await;
    let id =
        output(&office.call("req_9", "list_my_bookings", "{}").await)["meetings"][0]["booking_id"].clone();
    office.call("req_2", "cancel_meeting", &json!({"booking_id": id}).to_string()).await;
    assert!(office.book("req_3").await.output.contains("was cancelled since"));
    assert_eq!((office.book("req_4").await.is_error, office.wishes()), (false, 2));
}

#[tokio::test]
async fn calls_at_the_same_time_are_one() {
    // the time is the system's: which came before another's end, no clock that stands still can tell
    let (desk, world) = start("off").await;
    let booking = booking();
    let ids: Vec<String> = (0..12).map(|i| format!("req_{i}")).collect();
    let calls = ids.iter().map(|id| call(&desk, ada(), id, "book_meeting", &booking));
    let answers: Vec<_> = join_all(calls).await.into_iter().map(Result::unwrap).collect();
    assert!(answers.iter().all(|answer| *answer == answers[0] && !answer.is_error), "{answers:?}");
    assert_eq!(world.desk().effects.len(), 1);
}

#[tokio::test]
async fn nothing_runs_before_it_is_kept_and_what_died_goes_on() {
    let office = Office::start().await;
    office.store.left.store(0, SeqCst);
    let unkept = call(&office.desk, ada(), "req_1", "book_meeting", &booking()).await;
    assert!(unkept.is_err());
    assert_eq!(office.wishes(), 0, "nobody would know of it");
    office.store.left.store(1, SeqCst);
    assert!(!office.book("req_2").await.is_error, "it is done, though nobody can keep that");
    office.store.left.store(i64::MAX, SeqCst);
    assert_eq!((office.book("req_3").await.is_error, office.wishes()), (false, 1), "as after a kill");
}

#[tokio::test]
async fn what_is_remembered_is_forgotten_in_a_day() {
    let office = Office::start().await;
    office.lose("req_1").await;
    office.time.advance_hours(23);
    office.lose("req_2").await;
    assert_eq!(office.wishes(), 1);
    office.time.advance_hours(2);
    office.book("req_1").await;
    assert_eq!(office.wishes(), 2);
}

#[tokio::test]
async fn a_key_of_the_clients_own_is_all_that_counts() {
    let office = Office::start().await;
    let booked = office.book_keyed("req_a").await;
    office.time.advance_hours(20);
    assert_eq!((office.book_keyed("req_a").await, office.wishes()), (booked, 1));
    assert_eq!(
        (office.book_keyed("req_b").await.is_error, office.wishes()),
        (false, 2),
        "another key, another wish"
    );
    office.lose("req_1").await;
    office.book_keyed("req_c").await;
    assert_eq!(office.wishes(), 4, "what is open without a key is none of its business");
}

#[tokio::test]
async fn a_person_who_was_called_is_called_again_later() {
    let office = Office::start().await;
    let hand_off = || office.call("req_1", "hand_off_to_human", r#"{"reason":"wants a person"}"#);
    hand_off().await;
    hand_off().await;
    assert_eq!(office.world.desk().events.len(), 1);
    office.time.advance_minutes(11);
    hand_off().await;
    assert_eq!(office.world.desk().events.len(), 2, "the same words are another call");
}

#[tokio::test]
async fn what_one_has_open_is_none_of_anothers() {
    let office = Office::start().await;
    office.lose("req_1").await;
    let notes = json!({"meeting": MEETING, "start_time": FREE, "name": "Ada", "email": "ada@example.com",
        "notes": "n"});
    office.call("req_2", "book_meeting", &notes.to_string()).await;
    assert_eq!(office.wishes(), 2, "other arguments");
    let elsewhere = Caller { session_id: "ses_2".into(), ..ada() };
    for (caller, count) in [(elsewhere, 3), (visitor(2, DEFAULT), 4)] {
        call(&office.desk, caller, "req_1", "book_meeting", &booking()).await.unwrap();
        assert_eq!(office.wishes(), count, "another session, another visitor");
    }
}
