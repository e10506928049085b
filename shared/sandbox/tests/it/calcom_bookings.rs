//! The life of a booking: made, moved, confirmed, cancelled, found again.

use jiff::SignedDuration;
use sandbox::{CALCOM_API_KEY, Declined, INTRO_CALL, Side};
use serde_json::{Value, json};

use crate::{
    calcom::{SLOT, order},
    calcom_slots::visit,
    harness::Town,
};

const NEXT: &str = "2050-09-05T08:00:00.000Z";

fn uid(booking: &Value) -> String {
    booking["uid"].as_str().unwrap().to_owned()
}

async fn found(town: &Town, query: &str) -> Vec<String> {
    let (status, answer) = town.calcom_get(&format!("bookings?{query}")).await;
    assert_eq!(status, 200, "{answer}");
    answer["data"].as_array().unwrap().iter().map(uid).collect()
}

#[tokio::test]
async fn a_booking_is_answered_as_it_was_made() {
    let town = Town::new().await;
    let made = town.calcom_fine("bookings", order(SLOT)).await;
    assert_eq!(made["title"], "Intro call between Sandbox Host and Ann Example");
    assert_eq!((&made["start"], &made["end"]), (&json!(SLOT), &json!("2050-09-05T07:30:00.000Z")));
    assert_eq!((&made["status"], &made["duration"]), (&json!("accepted"), &json!(30)));
    assert_eq!(made["eventType"], json!({"id": INTRO_CALL, "slug": "intro-call"}));
    assert_eq!(made["attendees"][0]["timeZone"], "America/New_York");
    assert_eq!(made["metadata"], json!({"lead_id": "l_1"}));
    assert_eq!(uid(&made).len(), 22);
    let (_, shown) = town.calcom_get(&format!("bookings/{}", uid(&made))).await;
    assert_eq!(shown, json!({"status": "success", "data": made}));
    let by_slug = json!({
        "start": NEXT,
        "eventTypeSlug": "strategy-consult",
        "username": "sandbox-host",
        "attendee": {"name": "Cid", "phoneNumber": "+491701234567", "timeZone": "Asia/Tokyo", "language": "de"},
    });
    let made = town.calcom_fine("bookings", by_slug).await;
    assert_eq!(made["attendees"][0]["email"], "491701234567@sms.cal.com");
    assert_eq!(made["attendees"][0]["phoneNumber"], "+491701234567");
    assert_eq!(made["duration"], 60);
}

#[tokio::test]
async fn one_of_two_gets_a_slot() {
    let town = Town::new().await;
    let (one, other) =
        tokio::join!(town.calcom_post("bookings", order(SLOT)), town.calcom_post("bookings", order(SLOT)));
    let mut got = [one.0.as_u16(), other.0.as_u16()];
    got.sort_unstable();
    assert_eq!(got, [201, 400]);
    assert_eq!(town.sandbox.calendar().bookings().len(), 1);
}

#[tokio::test]
async fn a_move_makes_a_new_booking_and_a_chain() {
    let town = Town::new().await;
    let first = town.calcom_fine("bookings", order(SLOT)).await;
    let path = format!("bookings/{}/reschedule", uid(&first));
    let body = json!({"start": NEXT, "reschedulingReason": "ill", "rescheduledBy": "ann@example.com"});
    let second = town.calcom_fine(&path, body).await;
    assert_ne!(uid(&first), uid(&second));
    assert_eq!(second["rescheduledFromUid"], first["uid"]);
    assert_eq!((&second["start"], &second["status"]), (&json!(NEXT), &json!("accepted")));
    assert_eq!((&second["metadata"], &second["reschedulingReason"]), (&first["metadata"], &json!("ill")));
    let (_, old) = town.calcom_get(&format!("bookings/{}", uid(&first))).await;
    assert_eq!(old["data"]["status"], "cancelled");
    assert_eq!(old["data"]["rescheduledToUid"], second["uid"]);

    let (status, refused) = town.calcom_post(&path, json!({"start": "2050-09-05T09:00:00Z"})).await;
    assert_eq!(status, 400);
    assert!(refused["error"]["message"].as_str().unwrap().contains(&uid(&second)), "{refused}");
    for (body, expected) in [
        (json!({}), 400),
        (json!({"start": "2050-09-04T08:00:00Z"}), 400),
        (json!({"start": SLOT, "reason": "x"}), 400),
        (json!({"start": SLOT, "seatUid": "x"}), 400),
    ] {
        let (status, answer) = town.calcom_post(&format!("bookings/{}/reschedule", uid(&second)), body).await;
        assert_eq!(status, expected, "{answer}");
    }
    // The first one's time is free again, and its own time is no obstacle to a booking.
    let third =
        town.calcom_fine(&format!("bookings/{}/reschedule", uid(&second)), json!({"start": SLOT})).await;
    assert_eq!(third["rescheduledFromUid"], second["uid"]);
    let fourth =
        town.calcom_fine(&format!("bookings/{}/reschedule", uid(&third)), json!({"start": SLOT})).await;
    assert_eq!((&fourth["rescheduledFromUid"], &fourth["start"]), (&third["uid"], &json!(SLOT)));
    assert_eq!(town.calcom_post("bookings/nobody/reschedule", json!({"start": SLOT})).await.0, 404);
}

#[tokio::test]
async fn a_booking_is_cancelled_once() {
    let town = Town::new().await;
    let made = town.calcom_fine("bookings", order(SLOT)).await;
    let path = format!("bookings/{}/cancel", uid(&made));
    let (status, _) = town.calcom_post(&path, json!({"why": "x"})).await;
    assert_eq!(status, 400);
    let (status, gone) = town.calcom_post(&path, json!({"cancellationReason": "ill"})).await;
    assert_eq!((status.as_u16(), &gone["data"]["status"]), (200, &json!("cancelled")));
    assert_eq!(gone["data"]["cancellationReason"], "ill");
    let (status, refused) = town.calcom_post(&path, json!({})).await;
    assert_eq!(status, 400);
    assert!(
        refused["error"]["message"].as_str().unwrap().contains("has been cancelled already"),
        "{refused}"
    );
    let (status, _) =
        town.calcom_post(&format!("bookings/{}/reschedule", uid(&made)), json!({"start": NEXT})).await;
    assert_eq!(status, 400);
    town.calcom_fine("bookings", order(SLOT)).await;
    assert_eq!(town.calcom_post("bookings/nobody/cancel", json!({})).await.0, 404);

    let over = town.calcom_fine("bookings", order(NEXT)).await;
    let until = NEXT.parse::<jiff::Timestamp>().unwrap().duration_since(jiff::Timestamp::now());
    town.sandbox.calendar().set_ahead(until + SignedDuration::from_hours(2));
    let (status, bare) = town.calcom_post(&format!("bookings/{}/cancel", uid(&over)), json!({})).await;
    assert_eq!(status, 400);
    let expected = json!({"statusCode": 400, "message": "Cannot cancel a booking that has already ended"});
    assert_eq!(bare, expected);
}

#[tokio::test]
async fn a_booking_that_waits_is_confirmed_or_declined() {
    let town = Town::new().await;
    let calendar = town.sandbox.calendar();
    calendar.confirm_first(INTRO_CALL, true);
    let one = town.calcom_fine("bookings", order(SLOT)).await;
    let other = town.calcom_fine("bookings", order(NEXT)).await;
    assert_eq!(one["status"], "pending");
    assert_eq!(found(&town, "status=unconfirmed").await, [uid(&one), uid(&other)]);
    let confirm = format!("bookings/{}/confirm", uid(&one));
    assert_eq!(town.calcom_fine(&confirm, json!({})).await["status"], "accepted");
    let (status, refused) = town.calcom_post(&confirm, json!({})).await;
    assert_eq!((status.as_u16(), &refused["error"]["message"]), (400, &json!("Booking already confirmed")));
    let decline = format!("bookings/{}/decline", uid(&other));
    assert_eq!(town.calcom_fine(&decline, json!({"reason": "no"})).await["status"], "rejected");
    assert_eq!(calendar.confirm(&uid(&other)), Err(Declined("Booking is not pending".to_owned())));
    assert_eq!(found(&town, "status=cancelled").await, [uid(&other)]);
    assert_eq!(found(&town, "status=upcoming").await, [uid(&one)]);
}

#[tokio::test]
async fn nobody_is_absent_from_a_meeting_that_has_not_begun() {
    let town = Town::new().await;
    let made = town.calcom_fine("bookings", order(SLOT)).await;
    let path = format!("bookings/{}/mark-absent", uid(&made));
    let body = json!({"host": true, "attendees": [{"email": "ann@example.com", "absent": true}]});
    assert_eq!(town.calcom_post(&path, body.clone()).await.0, 400);
    let until = SLOT.parse::<jiff::Timestamp>().unwrap().duration_since(jiff::Timestamp::now());
    town.sandbox.calendar().set_ahead(until + SignedDuration::from_mins(1));
    for wrong in [json!({"attendees": []}), json!({"attendees": [{"email": "x"}]}), json!({"who": 1})] {
        assert_eq!(town.calcom_post(&path, wrong.clone()).await.0, 400, "{wrong}");
    }
    let (status, marked) = town.calcom_post(&path, body).await;
    assert_eq!(status, 200, "{marked}");
    assert_eq!(marked["data"]["absentHost"], true);
    assert_eq!(marked["data"]["attendees"][0]["absent"], true);
}

#[tokio::test]
async fn the_feed_of_changes_misses_nothing() {
    let town = Town::new().await;
    let calendar = town.sandbox.calendar();
    let first = uid(&town.calcom_fine("bookings", order(SLOT)).await);
    calendar.set_ahead(SignedDuration::from_mins(10));
    let second = calendar.book(&visit(NEXT)).unwrap();
    calendar.set_ahead(SignedDuration::from_mins(20));
    calendar.cancel(&first, Side::Host, None).unwrap();
    assert_eq!(found(&town, "sortUpdatedAt=asc").await, [second.as_str(), first.as_str()]);
    assert_eq!(found(&town, "sortUpdatedAt=desc&take=1").await, [first.as_str()]);
    assert_eq!(found(&town, "sortUpdatedAt=asc&take=1&skip=1").await, [first.as_str()]);
    let (_, shown) = town.calcom_get(&format!("bookings/{second}")).await;
    let since = shown["data"]["updatedAt"].as_str().unwrap();
    // The bound itself is within.
    assert_eq!(
        found(&town, &format!("afterUpdatedAt={since}&sortUpdatedAt=asc")).await,
        [second.as_str(), first.as_str()]
    );
    assert_eq!(found(&town, &format!("beforeUpdatedAt={since}")).await, [second.as_str()]);
    assert_eq!(found(&town, "attendeeEmail=bob@example.com").await, [second.as_str()]);
    assert_eq!(found(&town, "attendeeEmail=nobody@example.com").await, [""; 0]);
    assert_eq!(found(&town, "status=cancelled,past").await, [first.as_str()]);
    assert_eq!(found(&town, &format!("eventTypeId={INTRO_CALL}&bookingUid={first}")).await, [first]);
    let (_, page) = town.calcom_get("bookings?take=1").await;
    assert_eq!(
        (&page["pagination"]["totalItems"], &page["pagination"]["hasNextPage"]),
        (&json!(2), &json!(true))
    );
    assert_eq!(
        (&page["pagination"]["remainingItems"], &page["pagination"]["totalPages"]),
        (&json!(1), &json!(2))
    );
}

#[tokio::test]
async fn what_was_answered_survives_the_process() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let town = Town::at(file.path()).await;
    let made = town.calcom_fine("bookings", order(SLOT)).await;
    let kept = json!({"eventTypeId": INTRO_CALL, "slotStart": NEXT});
    let kept = town.calcom_fine("slots/reservations", kept).await;
    let again = Town::at(file.path()).await;
    let (_, shown) = again.calcom_get(&format!("bookings/{}", uid(&made))).await;
    assert_eq!(shown["data"], made);
    let reserved = again.sandbox.calendar().reservations();
    assert_eq!(reserved[0]["reservationUid"], kept["reservationUid"]);
    assert!(CALCOM_API_KEY.starts_with("cal_test_sandbox"));
}
