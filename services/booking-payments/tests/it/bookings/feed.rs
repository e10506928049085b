//! News of Cal.com: doubled, in any order, late or never, the same comes of it.

use axum::http::Method;
use domain::{Kind, Reason};
use proptest::prelude::*;
use proto::{
    booking::v1::BookingStatus,
    common::v1::{InboxMessage, InboxState, ListInboxRequest, TickRequest},
    sheets::v1::{BookingStatement, RecordBookingRequest},
};
use serde_json::{Value, json};
use tokio::sync::oneshot;

use super::{
    cal::{Fault, PATIENCE, TODAY},
    rig::{Rig, ann, at, fault, webhook},
};

const NINE: &str = "2026-10-21T09:00:00Z";
const TEN: &str = "2026-10-21T10:00:00Z";
const ELEVEN: &str = "2026-10-21T11:00:00Z";

/// A statement without what counts how it came about.
fn timeless(told: &RecordBookingRequest) -> RecordBookingRequest {
    let booking = told.booking.clone().map(|booking| BookingStatement { version: 0, ..booking });
    RecordBookingRequest { booking, request_id: String::new(), ..told.clone() }
}

/// What happens to a booking of the public page, and the webhooks that tell of it.
fn story(rig: &Rig) -> (Vec<String>, Vec<Value>) {
    let first = rig.cal.book(NINE, "ann@example.com", json!({"visitor_id": ann().visitor_id}));
    let second = rig.cal.reschedule(&first, TEN);
    let third = rig.cal.reschedule(&second, ELEVEN);
    rig.cal.change(&third, |booking| booking["attendees"][0]["absent"] = json!(true));
    let webhooks = vec![
        // Paid comes before created, with metadata that is not the booking's.
        json!({"triggerEvent": "BOOKING_PAID", "createdAt": TODAY,
            "payload": {"uid": first, "metadata": {"identifier": "cal.com", "bookingId": 1}}}),
        webhook("BOOKING_CREATED", &first, None),
        webhook("BOOKING_RESCHEDULED", &second, Some(&first)),
        webhook("BOOKING_RESCHEDULED", &third, Some(&second)),
        json!({"triggerEvent": "BOOKING_NO_SHOW_UPDATED", "createdAt": TODAY, "payload": {"bookingUid": third}}),
        json!({"triggerEvent": "MEETING_ENDED", "uid": third, "title": "flat"}),
        json!({"triggerEvent": "PING", "createdAt": TODAY, "payload": {}}),
        json!({"triggerEvent": "SOMETHING_NEW", "createdAt": TODAY, "payload": {"uid": first}}),
    ];
    (vec![first, second, third], webhooks)
}

/// What stands in the books once these webhooks were sent, so often each.
async fn outcome(order: &[usize]) -> (Vec<String>, RecordBookingRequest) {
    let rig = Rig::start().await;
    let (uids, webhooks) = story(&rig);
    let mut seen = Vec::new();
    for at in order {
        let duplicate = rig.send(&webhooks[*at]).await.unwrap();
        assert_eq!(duplicate, seen.contains(at), "what came before is recognised");
        seen.push(*at);
    }
    rig.settle().await;
    let complete =
        |told: &RecordBookingRequest| told.booking.as_ref().is_some_and(|booking| booking.uids.len() == 3);
    let told = rig.books.until(complete).await;
    let ids: std::collections::HashSet<_> =
        rig.books.told().iter().map(|told| told.booking.as_ref().unwrap().uids[0].clone()).collect();
    assert_eq!(ids.len(), 1, "one meeting: {ids:?}");
    rig.stop().await;
    (uids, timeless(&told))
}

fn run<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap()
        .block_on(future)
}

#[test]
fn what_came_of_the_story_is_the_end_of_it() {
    let (uids, told) = run(outcome(&[0, 1, 2, 3, 4, 5, 6, 7]));
    let booking = told.booking.unwrap();
    assert_eq!((booking.uids, booking.status.as_str(), booking.start_time), (uids, "no_show", at(ELEVEN)));
    let party = told.party.unwrap();
    assert_eq!(
        (party.email.as_str(), party.visitor_id.as_str(), party.claimed),
        ("ann@example.com", "", false)
    );
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, max_shrink_iters: 24, ..ProptestConfig::default() })]

    #[test]
    fn every_order_and_any_repetition_end_the_same(
        order in Just([0, 1, 2, 3, 4, 5, 6, 7, 0, 2, 3, 4].to_vec()).prop_shuffle()
    ) {
        let straight = run(outcome(&[0, 1, 2, 3, 4, 5, 6, 7]));
        prop_assert_eq!(run(outcome(&order)), straight);
    }

    #[test]
    fn any_one_webhook_is_enough(only in 0..6_usize) {
        let straight = run(outcome(&[0, 1, 2, 3, 4, 5, 6, 7]));
        prop_assert_eq!(run(outcome(&[only])), straight);
    }
}

#[tokio::test]
async fn what_no_webhook_brought_is_found_by_looking_and_only_once() {
    let rig = Rig::start().await;
    let (uids, _) = story(&rig);
    let (seen, missed) = rig.reconcile("2026-10-20T00:00:00Z").await;
    assert_eq!((seen, missed), (3, 3));
    rig.settle().await;
    let told = rig.books.until(|told| told.booking.as_ref().unwrap().uids.len() == 3).await;
    assert_eq!(told.booking.unwrap().uids, uids);
    assert_eq!(rig.reconcile("2026-10-20T00:00:00Z").await, (3, 0), "there is nothing new");
    rig.cal.cancel(&uids[2]);
    assert_eq!(rig.reconcile("2026-10-20T00:00:00Z").await, (3, 1));
    rig.settle().await;
    rig.books.until(|told| told.booking.as_ref().unwrap().status == "canceled").await;
    rig.stop().await;
}

#[tokio::test]
async fn what_the_host_changes_is_the_visitors_news() {
    let rig = Rig::start().await;
    let booking = rig.book("r1", NINE).await.unwrap();
    let moved = rig.cal.reschedule(&booking.uid, TEN);
    rig.send(&webhook("BOOKING_RESCHEDULED", &moved, Some(&booking.uid))).await.unwrap();
    rig.settle().await;
    let known = rig.get(ann(), &booking.booking_id).await.unwrap();
    assert_eq!((known.uid, known.start_time, known.reschedules), (moved.clone(), at(TEN), 1));
    rig.cal.change(&moved, |booking| booking["status"] = json!("rejected"));
    rig.send(&webhook("BOOKING_REJECTED", &moved, None)).await.unwrap();
    rig.settle().await;
    assert_eq!(rig.get(ann(), &booking.booking_id).await.unwrap().status(), BookingStatus::Rejected);
    rig.stop().await;
}

#[tokio::test]
async fn of_two_looks_at_once_the_one_that_looked_last_stands() {
    let rig = Rig::start().await;
    let booking = rig.book("r1", NINE).await.unwrap();
    let uid = booking.uid.clone();
    // One look has its answer and is slow to bring it; meanwhile the host cancels and another look says so.
    rig.cal.change(&uid, |booking| booking["location"] = json!("https://video.example/2"));
    let (release, held) = oneshot::channel();
    rig.cal.fail(Method::GET, "/v2/bookings/", Fault::Held(held));
    let before = rig.cal.count(&Method::GET, "/v2/bookings/");
    let slow = webhook("BOOKING_CREATED", &uid, None);
    let sent = rig.send(&slow);
    let quick = async {
        rig.cal.until_asked(Method::GET, "/v2/bookings/", before + 1).await;
        rig.cal.cancel(&uid);
        assert_eq!(rig.cancel("r2", &booking.booking_id).await.unwrap().status(), BookingStatus::Canceled);
        release.send(()).unwrap();
    };
    let (sent, ()) = tokio::join!(sent, quick);
    sent.unwrap();
    rig.settle().await;
    assert_eq!(rig.get(ann(), &booking.booking_id).await.unwrap().status(), BookingStatus::Canceled);
    assert_eq!(rig.books.until(|_| true).await.booking.unwrap().status, "canceled");
    rig.stop().await;
}

#[tokio::test]
async fn what_is_not_signed_is_not_read() {
    let rig = Rig::start().await;
    let uid = rig.cal.book(NINE, "ann@example.com", json!({}));
    let body = webhook("BOOKING_CREATED", &uid, None).to_string().into_bytes();
    for signature in ["", "no-secret-provided", &"0".repeat(64)] {
        let refused = fault(&rig.receive(body.clone(), signature).await.unwrap_err());
        assert_eq!((refused.kind, refused.reason), (Kind::Unauthenticated, Reason::SignatureWrong));
    }
    assert_eq!(fault(&rig.send(&json!({"hello": 1})).await.unwrap_err()).kind, Kind::Invalid);
    assert_eq!(rig.cal.count(&Method::GET, "/v2/bookings/"), 0);
    rig.stop().await;
}

/// The one message that waits, as soon as it was tried so often.
async fn waiting(rig: &Rig, tries: i32) -> InboxMessage {
    let tried = async {
        loop {
            let request = ListInboxRequest { state: InboxState::Waiting.into(), ..Default::default() };
            let inbox = rig.operations.clone().list_inbox(request).await.unwrap().into_inner();
            if let [message] = &inbox.messages[..]
                && message.tries >= tries
                && !message.problem.is_empty()
                && !is_claimed(message, rig.time.now().as_second())
            {
                return message.clone();
            }
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(PATIENCE, tried).await.expect("it is tried")
}

/// A claim holds for a minute, which no pause of the first failures takes.
fn is_claimed(message: &InboxMessage, now: i64) -> bool {
    message.next_time.is_some_and(|next| next.seconds - now > 30)
}

/// Time passes, and what is due is done.
async fn pass(rig: &Rig, seconds: i64) {
    rig.time.advance(seconds);
    rig.operations.clone().tick(TickRequest {}).await.unwrap();
}

#[tokio::test]
async fn what_cal_com_tells_before_it_shows_it_is_asked_for_again() {
    let rig = Rig::start().await;
    rig.cal.fall_behind();
    let uid = rig.cal.book(NINE, "ann@example.com", json!({}));
    rig.send(&webhook("BOOKING_CREATED", &uid, None)).await.unwrap();
    assert_eq!(waiting(&rig, 1).await.problem, "cal.com does not show the booking yet");
    rig.cal.catch_up();
    pass(&rig, 60).await;
    rig.books.until_told_of(&uid).await;
    rig.settle().await;
    rig.stop().await;
}

#[tokio::test]
async fn what_cal_com_never_shows_is_asked_for_less_and_less_and_then_no_more() {
    let rig = Rig::start().await;
    let uid = rig.book("r1", NINE).await.unwrap().uid;
    rig.send(&webhook("BOOKING_CANCELLED", &uid, None)).await.unwrap();
    let mut waits = Vec::new();
    for tries in 1..4 {
        let message = waiting(&rig, tries).await;
        let wait = message.next_time.unwrap().seconds - rig.time.now().as_second();
        waits.push(wait);
        pass(&rig, wait + 1).await;
    }
    assert!(waits[2] > waits[0], "{waits:?}");
    pass(&rig, 121).await;
    let request = ListInboxRequest { state: InboxState::Done.into(), ..Default::default() };
    let done = rig.operations.clone().list_inbox(request).await.unwrap().into_inner();
    assert_eq!(done.messages.len(), 1);
    rig.stop().await;
}

#[tokio::test]
async fn what_a_look_found_is_asked_for_until_it_shows() {
    let rig = Rig::start().await;
    let uid = rig.cal.book(NINE, "ann@example.com", json!({}));
    rig.cal.fail(Method::GET, "/v2/bookings/", Fault::Missing);
    rig.cal.fail(Method::GET, "/v2/bookings/", Fault::Missing);
    assert_eq!(rig.reconcile("2026-10-20T00:00:00Z").await, (1, 1));
    waiting(&rig, 1).await;
    assert_eq!(rig.reconcile("2026-10-20T00:00:00Z").await, (1, 0), "it waits already");
    pass(&rig, 60).await;
    rig.books.until_told_of(&uid).await;
    rig.stop().await;
}

#[tokio::test]
async fn what_changes_while_a_look_turns_its_pages_hides_nothing() {
    let rig = Rig::start().await;
    let starts = (0..15).flat_map(|day| (8..18).map(move |hour| (day, hour)));
    let start = |(day, hour): (i64, i64)| {
        let midnight: jiff::Timestamp = "2026-10-21T00:00:00Z".parse().unwrap();
        (midnight + jiff::SignedDuration::from_hours(24 * day + hour)).to_string()
    };
    let uids: Vec<_> = starts.map(|at| rig.cal.book(&start(at), "ann@example.com", json!({}))).collect();
    let (release, held) = oneshot::channel();
    rig.cal.fail(Method::GET, "/v2/bookings", Fault::Held(held));
    let meanwhile = async {
        rig.cal.until_asked(Method::GET, "/v2/bookings", 1).await;
        rig.cal.change(&uids[0], |booking| booking["location"] = json!("elsewhere"));
        release.send(()).unwrap();
    };
    let (found, ()) = tokio::join!(rig.reconcile("2026-10-20T00:00:00Z"), meanwhile);
    assert_eq!(found, (151, 151), "all of them, and the one that changed twice");
    rig.stop().await;
}
