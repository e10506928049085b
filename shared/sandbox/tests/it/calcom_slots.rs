//! Slots in every zone and across changes of clocks, and reservations of them.

use jiff::SignedDuration;
use reqwest::Method;
use sandbox::{Declined, INTRO_CALL, STRATEGY_CONSULT, Visit};
use serde_json::{Value, json};

use crate::{
    calcom::{SLOT, order},
    harness::{Town, answer},
};

async fn slots(town: &Town, event_type: i64, rest: &str) -> Value {
    let (status, answer) = town.calcom_get(&format!("slots?eventTypeId={event_type}&{rest}")).await;
    assert_eq!(status, 200, "{answer}");
    assert_eq!(answer["status"], "success");
    answer["data"].clone()
}

fn starts(day: &Value) -> Vec<&str> {
    day.as_array().unwrap().iter().map(|slot| slot["start"].as_str().unwrap()).collect()
}

fn reservation(start: &str) -> Value {
    json!({"eventTypeId": INTRO_CALL, "slotStart": start, "reservationDuration": 10})
}

pub(crate) fn visit(start: &str) -> Visit {
    Visit {
        event_type: INTRO_CALL,
        start: start.parse().unwrap(),
        name: "Bob Example".to_owned(),
        email: "bob@example.com".to_owned(),
        time_zone: "Europe/Lisbon".to_owned(),
        metadata: json!({"utm_source": "mail"}).as_object().unwrap().clone(),
        page_was_open: false,
    }
}

#[tokio::test]
async fn slots_carry_the_offset_of_the_zone_asked_for() {
    let town = Town::new().await;
    let utc = slots(&town, INTRO_CALL, "start=2050-09-05&end=2050-09-05").await;
    assert_eq!(starts(&utc["2050-09-05"])[0], SLOT);
    assert_eq!(starts(&utc["2050-09-05"]).len(), 16);
    let rome = slots(&town, STRATEGY_CONSULT, "start=2050-09-05&end=2050-09-05&timeZone=Europe/Rome").await;
    assert_eq!(starts(&rome["2050-09-05"])[0], "2050-09-05T09:00:00.000+02:00");
    assert_eq!(starts(&rome["2050-09-05"]).len(), 8);
    // Berlin's morning is the evening before on Hawaii; the days are those of the zone asked for.
    let hawaii = slots(&town, INTRO_CALL, "start=2050-09-05&end=2050-09-05&timeZone=Pacific/Honolulu").await;
    assert_eq!(starts(&hawaii["2050-09-04"])[0], "2050-09-04T21:00:00.000-10:00");
    let range = slots(&town, INTRO_CALL, "start=2050-09-05&end=2050-09-05&format=range").await;
    assert_eq!(range["2050-09-05"][0], json!({"start": SLOT, "end": "2050-09-05T07:30:00.000Z"}));
    assert_eq!(slots(&town, INTRO_CALL, "start=2050-09-03&end=2050-09-04").await, json!({}));
    // Midnight at the end means the whole of that day, hours at the end mean hours.
    let hours = slots(&town, INTRO_CALL, "start=2050-09-05T07:30:00Z&end=2050-09-05T08:30:00Z").await;
    assert_eq!(starts(&hours["2050-09-05"]), ["2050-09-05T07:30:00.000Z", "2050-09-05T08:00:00.000Z"]);
    let midnight = slots(&town, INTRO_CALL, "start=2050-09-05&end=2050-09-06T00:00:00Z").await;
    assert_eq!(starts(&midnight["2050-09-06"]).len(), 16);
}

#[tokio::test]
async fn the_hours_stay_the_same_in_berlin_when_the_clocks_change() {
    let town = Town::new().await;
    // Berlin's clocks go forward on Sunday, 27 March 2050; New York's went on the 13th.
    let both = "start=2050-03-25&end=2050-03-28";
    let berlin = slots(&town, INTRO_CALL, &format!("{both}&timeZone=Europe/Berlin")).await;
    assert_eq!(starts(&berlin["2050-03-25"])[0], "2050-03-25T09:00:00.000+01:00");
    assert_eq!(starts(&berlin["2050-03-28"])[0], "2050-03-28T09:00:00.000+02:00");
    let new_york = slots(&town, INTRO_CALL, &format!("{both}&timeZone=America/New_York")).await;
    assert_eq!(starts(&new_york["2050-03-25"])[0], "2050-03-25T04:00:00.000-04:00");
    assert_eq!(starts(&new_york["2050-03-28"])[0], "2050-03-28T03:00:00.000-04:00");
}

#[tokio::test]
async fn a_booked_slot_is_gone_unless_that_booking_is_to_move() {
    let town = Town::new().await;
    let uid = town.calcom_fine("bookings", order(SLOT)).await["uid"].as_str().unwrap().to_owned();
    let day = "start=2050-09-05&end=2050-09-05";
    assert_eq!(starts(&slots(&town, INTRO_CALL, day).await["2050-09-05"])[0], "2050-09-05T07:30:00.000Z");
    // Half of the first hour is gone, so the whole hour is.
    assert_eq!(starts(&slots(&town, STRATEGY_CONSULT, day).await["2050-09-05"]).len(), 7);
    let moving = slots(&town, INTRO_CALL, &format!("{day}&bookingUidToReschedule={uid}")).await;
    assert_eq!(starts(&moving["2050-09-05"])[0], SLOT);
}

#[tokio::test]
async fn a_reserved_slot_is_kept_from_others_until_it_runs_out() {
    let town = Town::new().await;
    let calendar = town.sandbox.calendar();
    let kept = town.calcom_fine("slots/reservations", reservation(SLOT)).await;
    assert_eq!(kept["slotEnd"], "2050-09-05T07:30:00.000Z");
    assert_eq!((&kept["slotDuration"], &kept["reservationDuration"]), (&json!(30), &json!(10)));
    let day = "start=2050-09-05&end=2050-09-05";
    assert_eq!(starts(&slots(&town, INTRO_CALL, day).await["2050-09-05"])[0], "2050-09-05T07:30:00.000Z");
    let (status, refused) = town.calcom_post("slots/reservations", reservation(SLOT)).await;
    assert_eq!((status.as_u16(), &refused["error"]["code"]), (422, &json!("UnprocessableEntityException")));
    let Declined(why) = calendar.book(&visit(SLOT)).unwrap_err();
    assert_eq!(why, "User either already has booking at this time or is not available");

    let path = format!("slots/reservations/{}", kept["reservationUid"].as_str().unwrap());
    let (_, shown) = town.calcom_get(&path).await;
    assert_eq!(shown["data"]["reservationUntil"], kept["reservationUntil"]);
    // Cal.com does not know its own reservation again: the same slot is refused, another is not.
    assert_eq!(answer(town.calcom(Method::PATCH, &path).json(&reservation(SLOT))).await.0, 422);
    let moved = answer(town.calcom(Method::PATCH, &path).json(&reservation("2050-09-05T08:00:00Z"))).await;
    assert_eq!(moved.1["data"]["reservationUid"], kept["reservationUid"]);
    assert_eq!(starts(&slots(&town, INTRO_CALL, day).await["2050-09-05"])[0], SLOT);

    calendar.set_ahead(SignedDuration::from_mins(11));
    assert_eq!(town.calcom_get(&path).await.1["data"], Value::Null);
    assert_eq!(answer(town.calcom(Method::PATCH, &path).json(&reservation(SLOT))).await.0, 404);
    assert_eq!(starts(&slots(&town, INTRO_CALL, day).await["2050-09-05"]).len(), 16);
}

#[tokio::test]
async fn who_has_the_key_books_what_is_reserved_and_lets_it_go() {
    let town = Town::new().await;
    let kept =
        town.calcom_fine("slots/reservations", json!({"eventTypeId": INTRO_CALL, "slotStart": SLOT})).await;
    assert_eq!(kept["reservationDuration"], 5);
    town.calcom_fine("bookings", order(SLOT)).await;
    let path = format!("slots/reservations/{}", kept["reservationUid"].as_str().unwrap());
    let gone = answer(town.calcom(Method::DELETE, &path)).await;
    assert_eq!((gone.0.as_u16(), gone.1), (200, json!({"status": "success"})));
    assert!(town.sandbox.calendar().reservations().is_empty());
    let (status, refused) = town.calcom_post("slots/reservations", reservation(SLOT)).await;
    assert_eq!(status, 422);
    assert_eq!(refused["error"]["message"], "Can't reserve a slot if the event is already booked.");
}

#[tokio::test]
async fn a_page_that_was_open_before_books_what_is_reserved() {
    let town = Town::new().await;
    town.calcom_fine("slots/reservations", reservation(SLOT)).await;
    let stale = Visit { page_was_open: true, ..visit(SLOT) };
    town.sandbox.calendar().book(&stale).unwrap();
    let (status, refused) = town.calcom_post("bookings", order(SLOT)).await;
    assert_eq!(status, 400);
    let message = "User either already has booking at this time or is not available";
    assert_eq!(refused["error"]["message"], message);
}

#[tokio::test]
async fn reservations_that_make_no_sense_are_refused() {
    let town = Town::new().await;
    let with = |name: &str, value: Value| {
        let mut body = reservation(SLOT);
        body[name] = value;
        body
    };
    for (body, expected) in [
        (json!({}), 400),
        (with("slotStart", json!("2050-09-05T09:00:00+02:00")), 400),
        (with("slotStart", Value::Null), 400),
        (with("eventTypeId", json!(1)), 404),
        (with("eventTypeId", json!("intro-call")), 400),
        (with("slotDuration", json!(30)), 400),
        (with("reservationDuration", json!(0)), 400),
        (with("reservationDuration", json!(1_501)), 400),
        (with("minutes", json!(5)), 400),
    ] {
        let (status, answer) = town.calcom_post("slots/reservations", body.clone()).await;
        assert_eq!(status, expected, "{body}: {answer}");
    }
    town.sandbox.calendar().set_longest_reservation(1_501);
    assert_eq!(
        town.calcom_post("slots/reservations", with("reservationDuration", json!(1_501))).await.0,
        201
    );
}
