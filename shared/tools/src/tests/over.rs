//! A call that comes again once what it made is no more: that is never told as a success.

use proto::booking::v1::CheckoutStatus;

use super::*;

const VISITOR: &str = "vis_00000000000000000000000000000009";
const LATER: &str = "2026-12-01T11:00:00Z";

/// The refusal of a call, in words; nothing is shown of it.
fn refusal(outcome: Outcome) -> String {
    assert!(outcome.is_error && !outcome.is_unknown, "{}", outcome.output);
    assert_eq!((&outcome.output["reason"], outcome.receipt), (&json!("STATE_WRONG"), None));
    let advice = outcome.output["advice"].as_str().unwrap();
    assert!(advice.starts_with("Nothing was"), "{advice}");
    outcome.output["error"].as_str().unwrap().to_owned()
}

fn to(booking: &Value, start: &str) -> Value {
    json!({"booking_id": booking["meeting"]["booking_id"], "start_time": start})
}

#[tokio::test]
async fn booked_cancelled_and_booked_again_in_one_turn_is_not_booked() {
    let bench = Bench::new().await;
    let session = session(VISITOR, "");
    let book = || bench.call("book_meeting", sound(tool("book_meeting")), &session);
    let booked = book().await.output;
    let id = &booked["meeting"]["booking_id"];
    bench.call("cancel_meeting", json!({"booking_id": id}), &session).await;
    let why = refusal(book().await);
    assert!(why.contains(id.as_str().unwrap()) && why.ends_with("was cancelled since"), "{why}");
    let confirmed = Session { turn: "msg_2".into(), ..session.clone() };
    let again = bench.call("book_meeting", sound(tool("book_meeting")), &confirmed).await;
    assert_eq!(
        again.output["meeting"]["status"], "booked",
        "it is another wish once the visitor has said so"
    );
}

#[tokio::test]
async fn a_meeting_that_was_moved_since_is_not_where_the_call_wanted_it() {
    let bench = Bench::new().await;
    let session = session(VISITOR, "");
    let book = || bench.call("book_meeting", sound(tool("book_meeting")), &session);
    let booked = book().await.output;
    let move_to = |start: &str| bench.call("reschedule_meeting", to(&booked, start), &session);
    assert_eq!(move_to(LATER).await.output["meeting"]["start"], "2026-12-01T12:00:00+01:00");
    let why = refusal(book().await);
    assert!(why.ends_with("was moved to Tuesday, 1 December 2026, 12:00 (Europe/Berlin) since"), "{why}");
    assert!(!move_to(FREE).await.is_error);
    assert!(refusal(move_to(LATER).await).contains("was moved to Tuesday, 1 December 2026, 10:00"));
    assert!(!book().await.is_error, "it stands where it was booked");
}

#[tokio::test]
async fn a_meeting_that_has_passed_is_not_cancelled() {
    let bench = Bench::new().await;
    let session = of(&PEOPLE[0]);
    let cancel = || bench.call("cancel_meeting", sound(tool("cancel_meeting")), &session);
    let is = |status| bench.world.desk().bookings.get_mut("bkg_ann").unwrap().1.set_status(status);
    assert!(!cancel().await.is_error);
    assert_eq!(cancel().await.receipt.unwrap().title, "Your meeting was cancelled", "and stays so");
    is(proto::booking::v1::BookingStatus::NoShow);
    assert!(refusal(cancel().await).contains("is over"));
    is(proto::booking::v1::BookingStatus::Booked);
    assert!(cancel().await.is_unknown, "a calendar that says cancelled and shows it as booked");
}

/// Sets how a link stands.
fn stand(bench: &Bench, id: &str, status: CheckoutStatus) {
    bench.world.desk().checkouts.get_mut(id).unwrap().1.set_status(status);
}

#[tokio::test]
async fn a_link_that_cannot_be_paid_any_more_is_not_made() {
    let bench = Bench::new().await;
    let session = session(VISITOR, "");
    let make = || bench.call("create_checkout_link", sound(tool("create_checkout_link")), &session);
    let made = make().await.output;
    assert_eq!(make().await.output, made, "the same while it can be paid");
    let id = made["reference"].as_str().unwrap();
    for (status, word) in [
        (CheckoutStatus::Paid, "is paid already"),
        (CheckoutStatus::Pending, "the money is on its way"),
        (CheckoutStatus::Expired, "has ended, and nobody paid"),
        (CheckoutStatus::Canceled, "was cancelled"),
        (CheckoutStatus::Failed, "the money did not come"),
    ] {
        stand(&bench, id, status);
        let why = refusal(make().await);
        assert!(why.contains(id) && why.ends_with(word), "{why}");
    }
}

#[tokio::test]
async fn a_link_that_is_paid_is_not_cancelled_and_one_that_has_ended_stays_so() {
    for (status, word) in [
        (CheckoutStatus::Paid, "it is paid already"),
        (CheckoutStatus::Pending, "it was paid, and the money is on its way"),
    ] {
        let bench = Bench::new().await;
        stand(&bench, "chk_ann", status);
        let outcome =
            bench.call("cancel_checkout_link", json!({"reference": "chk_ann"}), &of(&PEOPLE[0])).await;
        let why = refusal(outcome);
        assert!(why.ends_with(word), "{why}");
        assert_eq!(bench.world.desk().checkouts["chk_ann"].1.status(), status);
    }
    for (status, title) in [
        (CheckoutStatus::Open, "Your link to pay is cancelled"),
        (CheckoutStatus::Canceled, "Your link to pay is cancelled"),
        (CheckoutStatus::Expired, "Your link to pay has ended"),
        (CheckoutStatus::Failed, "Your link to pay has ended"),
    ] {
        let bench = Bench::new().await;
        stand(&bench, "chk_ann", status);
        let ended =
            bench.call("cancel_checkout_link", json!({"reference": "chk_ann"}), &of(&PEOPLE[0])).await;
        assert!(!ended.is_error, "{}", ended.output);
        assert_eq!(ended.receipt.unwrap().title, title);
    }
}

#[tokio::test]
async fn a_link_that_was_paid_under_the_same_request_is_not_cancelled() {
    let bench = Bench::new().await;
    let session = of(&PEOPLE[0]);
    let cancel = || bench.call("cancel_checkout_link", json!({"reference": "chk_ann"}), &session);
    assert!(!cancel().await.is_error);
    // the money of a link that was called off came all the same
    stand(&bench, "chk_ann", CheckoutStatus::Paid);
    assert!(refusal(cancel().await).ends_with("it is paid already"));
}

#[tokio::test]
async fn only_what_failed_in_the_unknown_may_have_happened() {
    let bench = Bench::new().await;
    let session = of(&PEOPLE[0]);
    let cancel = || bench.call("cancel_meeting", sound(tool("cancel_meeting")), &session);
    bench.world.desk().lose = 3;
    assert!(cancel().await.is_unknown, "an answer that was lost");
    assert!(!cancel().await.is_unknown);
    let wrong = bench.call("cancel_meeting", json!({}), &session).await;
    let anothers = bench.call("cancel_meeting", json!({"booking_id": "bkg_bob"}), &session).await;
    let none = bench.call("no_such_tool", json!({}), &session).await;
    assert!([wrong, anothers, none].iter().all(|outcome| outcome.is_error && !outcome.is_unknown));
}
