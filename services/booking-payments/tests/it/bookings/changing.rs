//! Moving and cancelling: one meeting, one id, whatever uid Cal.com gives it.

use axum::http::Method;
use domain::{Kind, Reason};
use proto::booking::v1::BookingStatus;
use tokio::sync::oneshot;

use super::{
    cal::Fault,
    rig::{Rig, ann, at, fault, webhook},
};

const NINE: &str = "2026-10-21T09:00:00Z";
const TEN: &str = "2026-10-21T10:00:00Z";
const ELEVEN: &str = "2026-10-21T11:00:00Z";

#[tokio::test]
async fn a_meeting_that_is_moved_stays_one_meeting() {
    let rig = Rig::start().await;
    let first = rig.book("r1", NINE).await.unwrap();
    let moved = rig.reschedule("r2", &first.booking_id, TEN).await.unwrap();
    assert_eq!((&moved.booking_id, moved.start_time, moved.reschedules), (&first.booking_id, at(TEN), 1));
    assert_ne!(moved.uid, first.uid);
    assert_eq!(rig.cal.newest(&Method::POST, "/reschedule").body["reschedulingReason"], "a train");
    let told = rig.books.until(|told| told.booking.as_ref().unwrap().version == 2).await;
    let stated = told.booking.unwrap();
    assert_eq!(
        (stated.status.as_str(), stated.uids),
        ("rescheduled", vec![first.uid.clone(), moved.uid.clone()])
    );
    assert_eq!(told.party.unwrap().visitor_id, ann().visitor_id);
    assert_eq!(rig.list(ann()).await, std::slice::from_ref(&moved));

    // A repetition after another move does not move it back.
    let again = rig.reschedule("r3", &first.booking_id, ELEVEN).await.unwrap();
    assert_eq!(rig.reschedule("r2", &first.booking_id, TEN).await.unwrap(), again);
    assert_eq!(rig.cal.count(&Method::POST, "/reschedule"), 2);
    let other = fault(&rig.reschedule("r2", &first.booking_id, NINE).await.unwrap_err());
    assert_eq!(other.reason, Reason::RequestIdReused);
    rig.stop().await;
}

#[tokio::test]
async fn a_move_whose_answer_was_lost_is_seen_and_one_that_was_not_made_is_asked_for_again() {
    let rig = Rig::start().await;
    let first = rig.book("r1", NINE).await.unwrap();
    rig.cal.fail(Method::POST, "/reschedule", Fault::Lost);
    let moved = rig.reschedule("r2", &first.booking_id, TEN).await.unwrap();
    assert_eq!((moved.start_time, rig.cal.count(&Method::POST, "/reschedule")), (at(TEN), 1));
    rig.cal.fail(Method::POST, "/reschedule", Fault::Dropped);
    let moved = rig.reschedule("r3", &first.booking_id, ELEVEN).await.unwrap();
    assert_eq!((moved.start_time, moved.reschedules), (at(ELEVEN), 2));
    rig.stop().await;
}

#[tokio::test]
async fn of_two_calls_at_once_the_slower_one_finds_the_meeting_moved_and_not_its_start_taken() {
    let rig = Rig::start().await;
    let first = rig.book("r1", NINE).await.unwrap();
    let (answer, held) = oneshot::channel();
    rig.cal.fail(Method::GET, "/bookings/", Fault::Held(held));
    let before = rig.cal.count(&Method::GET, "/bookings/");
    let quicker = async {
        rig.cal.until_asked(Method::GET, "/bookings/", before + 1).await;
        let moved = rig.reschedule("r2", &first.booking_id, TEN).await.unwrap();
        answer.send(()).unwrap();
        moved
    };
    let (slower, quicker) = tokio::join!(rig.reschedule("r2", &first.booking_id, TEN), quicker);
    assert_eq!(slower.unwrap(), quicker);
    assert_eq!((quicker.start_time, rig.cal.count(&Method::POST, "/reschedule")), (at(TEN), 1));
    rig.stop().await;
}

#[tokio::test]
async fn a_start_that_is_taken_moves_nothing() {
    let rig = Rig::start().await;
    let first = rig.book("r1", NINE).await.unwrap();
    rig.cal.book(TEN, "bob@example.com", serde_json::json!({}));
    let refused = fault(&rig.reschedule("r2", &first.booking_id, TEN).await.unwrap_err());
    assert_eq!((refused.kind, refused.reason), (Kind::AlreadyExists, Reason::SlotTaken));
    assert!(refused.metadata["next_slots"].starts_with(ELEVEN), "{refused:?}");
    assert_eq!(rig.get(ann(), &first.booking_id).await.unwrap(), first);
    rig.stop().await;
}

#[tokio::test]
async fn a_cancelled_meeting_stays_cancelled() {
    let rig = Rig::start().await;
    let first = rig.book("r1", NINE).await.unwrap();
    rig.cal.fail(Method::POST, "/cancel", Fault::Lost);
    let cancelled = rig.cancel("r2", &first.booking_id).await.unwrap();
    assert_eq!((cancelled.status(), &cancelled.booking_id), (BookingStatus::Canceled, &first.booking_id));
    assert_eq!(rig.cancel("r2", &first.booking_id).await.unwrap(), cancelled);
    assert_eq!(rig.cancel("r3", &first.booking_id).await.unwrap(), cancelled);
    assert_eq!(rig.cal.count(&Method::POST, "/cancel"), 1);
    let told = rig.books.until(|told| told.booking.as_ref().unwrap().version == 2).await;
    assert_eq!(told.booking.unwrap().status, "canceled");

    let late = fault(&rig.reschedule("r4", &first.booking_id, TEN).await.unwrap_err());
    assert_eq!((late.kind, late.reason), (Kind::Precondition, Reason::StateWrong));
    rig.stop().await;
}

#[tokio::test]
async fn a_cancellation_that_was_not_made_is_asked_for_again() {
    let rig = Rig::start().await;
    let first = rig.book("r1", NINE).await.unwrap();
    rig.cal.fail(Method::POST, "/cancel", Fault::Dropped);
    assert_eq!(rig.cancel("r2", &first.booking_id).await.unwrap().status(), BookingStatus::Canceled);
    assert_eq!(rig.cal.count(&Method::POST, "/cancel"), 2);
    rig.stop().await;
}

#[tokio::test]
async fn what_cal_com_has_confirmed_stands_whatever_it_shows_a_moment_later() {
    let rig = Rig::start().await;
    let first = rig.book("r1", NINE).await.unwrap();
    rig.cal.fall_behind();
    let moved = rig.reschedule("r2", &first.booking_id, TEN).await.unwrap();
    assert_eq!((moved.start_time, moved.reschedules), (at(TEN), 1));
    rig.cal.catch_up();
    rig.cal.fall_behind();
    let cancelled = rig.cancel("r3", &first.booking_id).await.unwrap();
    assert_eq!((cancelled.status(), rig.cal.count(&Method::POST, "/cancel")), (BookingStatus::Canceled, 1));
    // A look that is behind brings nothing back.
    rig.send(&webhook("MEETING_STARTED", &moved.uid, None)).await.unwrap();
    rig.settle().await;
    assert_eq!(rig.get(ann(), &first.booking_id).await.unwrap(), cancelled);
    rig.stop().await;
}

#[tokio::test]
async fn a_change_that_may_be_landing_is_not_refused() {
    let rig = Rig::start().await;
    let first = rig.book("r1", NINE).await.unwrap();
    let unclear = |refused: tonic::Status| {
        let fault = fault(&refused);
        assert_eq!((fault.kind, fault.reason), (Kind::Unavailable, Reason::ProviderUnavailable));
    };
    rig.cal.fall_behind();
    rig.cal.fail(Method::POST, "/reschedule", Fault::Lost);
    unclear(rig.reschedule("r2", &first.booking_id, TEN).await.unwrap_err());
    rig.cal.catch_up();
    let moved = rig.reschedule("r2", &first.booking_id, TEN).await.unwrap();
    assert_eq!((moved.start_time, moved.reschedules), (at(TEN), 1));

    rig.cal.fall_behind();
    rig.cal.fail(Method::POST, "/cancel", Fault::Lost);
    unclear(rig.cancel("r3", &first.booking_id).await.unwrap_err());
    rig.cal.catch_up();
    assert_eq!(rig.cancel("r3", &first.booking_id).await.unwrap().status(), BookingStatus::Canceled);
    rig.stop().await;
}
