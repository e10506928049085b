//! What the calendar tells, byte by byte where a receiver could care.

use std::{
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use axum::{Router, body::Bytes, http::HeaderMap, response::Redirect};
use hmac::{Hmac, KeyInit as _, Mac as _};
use sandbox::{INTRO_CALL, Provider, Side};
use serde_json::{Value, json};
use sha2::Sha256;
use tokio::net::TcpListener;

use crate::{
    calcom::{SLOT, order},
    calcom_slots::visit,
    harness::Town,
};

type Got = Arc<Mutex<Vec<(HeaderMap, Bytes)>>>;

/// A receiver of everything, which answers each with a redirect.
async fn listen(town: &Town, secret: &str) -> Got {
    let got = Got::default();
    let kept = got.clone();
    let take = move |headers: HeaderMap, body: Bytes| async move {
        kept.lock().unwrap().push((headers, body));
        Redirect::temporary("/again")
    };
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/hook", listener.local_addr().unwrap());
    tokio::spawn(sandbox::serve(listener, Router::new().fallback(take), std::future::pending()));
    town.sandbox.set_webhook(Provider::CalCom, &url, secret);
    got
}

/// The bodies of the first messages, once so many have come and none is under way.
async fn bodies(town: &Town, got: &Got, count: usize) -> Vec<Value> {
    let deadline = Instant::now() + Duration::from_secs(10);
    loop {
        let come = got.lock().unwrap().len();
        if come >= count && town.sandbox.webhooks(Provider::CalCom).under_way() == 0 {
            assert_eq!(come, count);
            let got = got.lock().unwrap();
            return got.iter().map(|(_, body)| serde_json::from_slice(body).unwrap()).collect();
        }
        assert!(Instant::now() < deadline, "{come} of {count} messages came");
        tokio::task::yield_now().await;
    }
}

fn triggers(bodies: &[Value]) -> Vec<&str> {
    bodies.iter().map(|body| body["triggerEvent"].as_str().unwrap()).collect()
}

fn keys(body: &Bytes) -> Vec<String> {
    let text = std::str::from_utf8(body).unwrap();
    let payload = text.split_once(r#""payload":{"#).unwrap().1;
    let (mut depth, mut keys) = (0, Vec::new());
    let mut parts = payload.split('"');
    while let (Some(between), Some(quoted)) = (parts.next(), parts.next()) {
        depth += between.matches(['{', '[']).count() as i32 - between.matches(['}', ']']).count() as i32;
        if depth == 0 && (keys.is_empty() || between.ends_with(',')) {
            keys.push(quoted.to_owned());
        }
    }
    keys
}

#[tokio::test]
async fn a_new_booking_is_told_as_the_guide_shows_it() {
    let town = Town::new().await;
    let got = listen(&town, "geheim").await;
    let made = town.calcom_fine("bookings", order(SLOT)).await;
    let [told] = &bodies(&town, &got, 1).await[..] else { panic!("one message") };
    assert_eq!(told["triggerEvent"], "BOOKING_CREATED");
    assert_eq!(told["createdAt"], made["createdAt"]);
    let payload = &told["payload"];
    assert_eq!((&payload["type"], &payload["status"]), (&json!("intro-call"), &json!("ACCEPTED")));
    assert_eq!(payload["startTime"], "2050-09-05T07:00:00Z");
    assert_eq!((&payload["uid"], &payload["bookingId"]), (&made["uid"], &made["id"]));
    assert_eq!(payload["metadata"]["lead_id"], "l_1");
    assert_eq!(payload["attendees"][0]["utcOffset"], -240);
    assert_eq!(payload["organizer"]["utcOffset"], 120);
    assert_eq!(payload["attendees"][0]["firstName"], "Ann");
    assert_eq!(payload["destinationCalendar"], Value::Null);
    assert_eq!(payload["responses"]["email"], json!({"label": "email_address", "value": "ann@example.com"}));
    let (headers, body) = got.lock().unwrap()[0].clone();
    let mut mac = Hmac::<Sha256>::new_from_slice(b"geheim").unwrap();
    mac.update(&body);
    let signature: String = mac.finalize().into_bytes().iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(headers["x-cal-signature-256"], signature);
    assert_eq!(headers["x-cal-webhook-version"], "2021-10-20");
    assert_eq!(headers["content-type"], "application/json");
    // The order of the members is the guide's.
    assert!(body.starts_with(br#"{"triggerEvent":"BOOKING_CREATED","createdAt":""#));
    let expected = "type title description additionalNotes customInputs startTime endTime organizer responses \
        userFieldsResponses attendees location destinationCalendar hideCalendarNotes requiresConfirmation eventTypeId \
        seatsShowAttendees seatsPerTimeSlot uid appsStatus eventTitle eventDescription price currency length bookingId \
        metadata status";
    assert_eq!(keys(&body), expected.split_whitespace().collect::<Vec<_>>());
}

#[tokio::test]
async fn moves_and_ends_carry_what_they_carry_and_no_more() {
    let town = Town::new().await;
    let got = listen(&town, "s").await;
    let calendar = town.sandbox.calendar();
    let first = calendar.book(&visit(SLOT)).unwrap();
    let next = "2050-09-05T08:00:00Z".parse().unwrap();
    let second = calendar.reschedule(&first, next, Side::Attendee, Some("ill")).unwrap();
    calendar.announce_cancellation(&second).unwrap();
    let before = calendar.bookings().into_iter().find(|booking| booking["uid"] == second.as_str()).unwrap();
    assert_eq!(before["status"], "accepted");
    calendar.cancel(&second, Side::Host, Some("away")).unwrap();
    let told = bodies(&town, &got, 4).await;
    let expected = ["BOOKING_CREATED", "BOOKING_RESCHEDULED", "BOOKING_CANCELLED", "BOOKING_CANCELLED"];
    assert_eq!(triggers(&told), expected);
    let moved = &told[1]["payload"];
    assert_eq!((&moved["uid"], &moved["rescheduleUid"]), (&json!(second), &json!(first)));
    assert_eq!(moved["rescheduleStartTime"], "2050-09-05T07:00:00Z");
    assert_eq!(moved["rescheduleEndTime"], "2050-09-05T07:30:00Z");
    assert_eq!(moved["rescheduledBy"], "bob@example.com");
    assert_eq!(moved["rescheduleId"], told[0]["payload"]["bookingId"]);
    assert_eq!(moved["metadata"]["utm_source"], "mail");
    let gone = &told[3]["payload"];
    assert_eq!((&gone["status"], &gone["requestReschedule"]), (&json!("CANCELLED"), &json!(false)));
    assert_eq!(gone["cancellationReason"], "away");
    assert_eq!(gone["cancelledBy"], "host@calendar.example");
    assert_eq!(gone["startTime"], "2050-09-05T08:00:00+00:00");
    assert_eq!(gone.get("metadata"), None);
}

#[tokio::test]
async fn a_booking_that_waits_is_requested_and_then_decided() {
    let town = Town::new().await;
    let got = listen(&town, "s").await;
    let calendar = town.sandbox.calendar();
    calendar.confirm_first(INTRO_CALL, true);
    let yes = calendar.book(&visit(SLOT)).unwrap();
    let no = calendar.book(&visit("2050-09-05T08:00:00Z")).unwrap();
    calendar.confirm(&yes).unwrap();
    calendar.decline(&no, Some("full")).unwrap();
    let told = bodies(&town, &got, 4).await;
    let expected = ["BOOKING_REQUESTED", "BOOKING_REQUESTED", "BOOKING_CREATED", "BOOKING_REJECTED"];
    assert_eq!(triggers(&told), expected);
    assert_eq!(told[0]["payload"]["status"], "PENDING");
    assert_eq!(told[0]["payload"]["metadata"], json!({"utm_source": "mail"}));
    assert_eq!(told[0]["payload"]["requiresConfirmation"], true);
    let room = format!("https://app.cal.com/video/{yes}");
    assert_eq!(told[2]["payload"]["metadata"], json!({"videoCallUrl": room}));
    let rejected = &told[3]["payload"];
    assert_eq!((&rejected["status"], &rejected["uid"]), (&json!("REJECTED"), &json!(no)));
    assert_eq!(
        (&rejected["rejectionReason"], &rejected["destinationCalendar"]),
        (&json!("full"), &json!([]))
    );
    assert_eq!(rejected["startTime"], "2050-09-05T08:00:00.000Z");
    assert_eq!(rejected.get("metadata"), None);
}

#[tokio::test]
async fn paid_comes_before_created_and_with_metadata_of_its_own() {
    let town = Town::new().await;
    let got = listen(&town, "s").await;
    let calendar = town.sandbox.calendar();
    let uid = calendar.book_unpaid(&visit(SLOT), 9_900).unwrap();
    assert_eq!(calendar.bookings()[0]["status"], "pending");
    calendar.pay(&uid).unwrap();
    calendar.pay(&uid).unwrap_err();
    let told = bodies(&town, &got, 3).await;
    assert_eq!(triggers(&told), ["BOOKING_PAYMENT_INITIATED", "BOOKING_PAID", "BOOKING_CREATED"]);
    assert_eq!(told[0]["payload"]["metadata"], json!({"utm_source": "mail"}));
    assert_eq!(told[0]["payload"]["paymentData"]["success"], false);
    let paid = &told[1]["payload"];
    assert_eq!((&paid["price"], &paid["paymentId"]), (&json!(9_900), &told[0]["payload"]["paymentId"]));
    assert_eq!(
        paid["metadata"],
        json!({
            "identifier": "cal.com",
            "bookingId": paid["bookingId"],
            "eventTypeId": INTRO_CALL,
            "bookerEmail": "bob@example.com",
            "eventTitle": "Intro call",
            "externalId": paid["paymentData"]["externalId"],
        })
    );
    assert_eq!(told[2]["payload"]["uid"], uid.as_str());
}

#[tokio::test]
async fn meetings_are_flat_and_absences_have_no_uid() {
    let town = Town::new().await;
    let got = listen(&town, "").await;
    let calendar = town.sandbox.calendar();
    let uid = calendar.book(&visit(SLOT)).unwrap();
    calendar.meeting_started(&uid).unwrap();
    calendar.meeting_ended(&uid).unwrap();
    calendar.mark_no_show(&uid, true).unwrap();
    calendar.ping();
    let told = bodies(&town, &got, 5).await;
    let expected = ["BOOKING_CREATED", "MEETING_STARTED", "MEETING_ENDED", "BOOKING_NO_SHOW_UPDATED", "PING"];
    assert_eq!(triggers(&told), expected);
    assert_eq!((&told[2]["uid"], told[2].get("payload")), (&json!(uid), None));
    assert_eq!((&told[2]["startTime"], &told[2]["status"]), (&json!(SLOT), &json!("ACCEPTED")));
    let absent = told[3]["payload"].as_object().unwrap();
    assert_eq!(absent.keys().collect::<Vec<_>>(), ["attendees", "bookingId", "bookingUid", "message"]);
    assert_eq!(absent["attendees"], json!([{"email": "bob@example.com", "noShow": true}]));
    assert_eq!(told[4]["payload"]["title"], "Test trigger event");
    assert_eq!(got.lock().unwrap()[0].0["x-cal-signature-256"], "no-secret-provided");
}

#[tokio::test]
async fn messages_are_lost_doubled_and_sent_in_another_order() {
    let town = Town::new().await;
    let got = listen(&town, "s").await;
    let (calendar, webhooks) = (town.sandbox.calendar(), town.sandbox.webhooks(Provider::CalCom));
    webhooks.lose(1);
    let uid = calendar.book(&visit(SLOT)).unwrap();
    webhooks.duplicate();
    calendar.ping();
    let told = bodies(&town, &got, 2).await;
    assert_eq!(triggers(&told), ["PING", "PING"]);
    let twice = got.lock().unwrap().iter().map(|(_, body)| body.clone()).collect::<Vec<_>>();
    assert_eq!(twice[0], twice[1]);
    webhooks.hold();
    calendar.meeting_started(&uid).unwrap();
    calendar.cancel(&uid, Side::Attendee, None).unwrap();
    let held: Vec<_> = webhooks.held().into_iter().map(|(_, kind)| kind).collect();
    assert_eq!(held, ["MEETING_STARTED", "BOOKING_CANCELLED"]);
    assert!(webhooks.release(1) && webhooks.release(0) && !webhooks.release(0));
    let told = bodies(&town, &got, 4).await;
    assert_eq!(triggers(&told)[2..], ["BOOKING_CANCELLED", "MEETING_STARTED"]);
}
