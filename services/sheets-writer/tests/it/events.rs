//! Events become rows: which ones, once, all or none.

use proto::sheets::v1::{IngestEventsRequest, Tab};
use serde_json::{Value, json};
use tonic::{Code, Status};

use crate::desk::Desk;

fn turn() -> Value {
    json!({
        "type": "chat.turn", "session_id": "ck_123", "occurred_at": "2025-10-28T16:20:00Z", "page": "/services",
        "message": "I need a marketing automation package", "intent": "buy_inquiry", "score": 0.72,
        "traits": {"utm_source": "yt", "utm_campaign": "oct_launch"}
    })
}

fn booked() -> Value {
    json!({
        "type": "calendar.booked", "contact_id": "c_456", "event_start": "2025-11-01T18:00:00Z",
        "meeting_type": "Consult 30", "cal_provider": "cal.com"
    })
}

fn refused(answer: Result<impl std::fmt::Debug, Status>) -> (Code, String) {
    let status = answer.expect_err("refused");
    (status.code(), status.message().to_owned())
}

#[tokio::test]
async fn a_turn_makes_an_event_an_engagement_a_lead_and_its_contact() {
    let desk = Desk::start().await;
    let answer = desk.deliver(turn()).await.unwrap();
    assert_eq!((answer.accepted, answer.duplicates, answer.event_ids.len()), (1, 0, 1));
    assert_eq!(desk.counts().await, [1, 1, 1, 0, 0, 0, 1]);

    let contact = desk.row(Tab::Contacts).await;
    assert_eq!(contact["utm_source"], "yt");
    assert_eq!(contact["utm_campaign"], "oct_launch");
    assert_eq!(contact["source"], "chat");
    let lead = desk.row(Tab::Leads).await;
    assert_eq!(lead["contact_id"], contact["id"]);
    assert_eq!(
        (&lead["intent"], &lead["score"], &lead["status"]),
        (&json!("buy_inquiry"), &json!(0.72), &json!("new"))
    );
    assert_eq!(lead["last_touch"], "2025-10-28T16:20:00Z");
    let engagement = desk.row(Tab::Engagements).await;
    assert_eq!(engagement["contact_id"], contact["id"]);
    assert_eq!(engagement["message"], "I need a marketing automation package");
    assert_eq!((&engagement["page"], &engagement["session_id"]), (&json!("/services"), &json!("ck_123")));
    let event = desk.row(Tab::ChatEvents).await;
    assert_eq!(event["id"], answer.event_ids[0]);
    let payload: Value = serde_json::from_str(event["payload_json"].as_str().unwrap()).unwrap();
    assert_eq!(payload, turn());
}

#[tokio::test]
async fn a_booking_makes_a_contact_under_the_id_it_names() {
    let desk = Desk::start().await;
    desk.deliver(booked()).await.unwrap();
    assert_eq!(desk.counts().await, [1, 0, 0, 1, 0, 0, 1]);
    assert_eq!(desk.row(Tab::Contacts).await["id"], "c_456");
    let booking = desk.row(Tab::Bookings).await;
    assert_eq!(booking["contact_id"], "c_456");
    assert_eq!(booking["event_start"], "2025-11-01T18:00:00Z");
    assert_eq!(
        (&booking["meeting_type"], &booking["cal_provider"], &booking["status"]),
        (&json!("Consult 30"), &json!("cal.com"), &json!("booked"))
    );
}

#[tokio::test]
async fn a_booking_is_adopted_by_the_event_that_brings_its_uid() {
    let desk = Desk::start().await;
    desk.deliver(booked()).await.unwrap();
    let id = desk.row(Tab::Bookings).await["id"].clone();
    let mut with_uid = booked();
    with_uid["uid"] = json!("bFJeNb2uX8ANpT3JL5EfXw");
    desk.deliver(with_uid).await.unwrap();
    desk.deliver(json!({
        "type": "calendar.rescheduled", "cal_provider": "cal.com", "uid": "bFJeNb2uX8ANpT3JL5EfXw",
        "event_start": "2025-11-02T09:00:00Z"
    }))
    .await
    .unwrap();
    let booking = desk.row(Tab::Bookings).await;
    assert_eq!(booking["id"], id);
    assert_eq!(
        (&booking["event_start"], &booking["status"]),
        (&json!("2025-11-02T09:00:00Z"), &json!("rescheduled"))
    );
    assert_eq!(booking["meeting_type"], "Consult 30");
}

/// What a calendar tells of `ann` at an hour of 2025-11-01, told at `told`.
fn calendar(kind: &str, uid: &str, hour: u32, told: &str) -> Value {
    json!({
        "type": format!("calendar.{kind}"), "contact_id": "ann", "cal_provider": "cal.com", "uid": uid,
        "event_start": format!("2025-11-01T{hour:02}:00:00Z"), "occurred_at": told
    })
}

#[tokio::test]
async fn two_uids_are_two_bookings_even_in_one_slot() {
    let desk = Desk::start().await;
    desk.deliver(calendar("booked", "u1", 10, "2025-10-28T10:00:00Z")).await.unwrap();
    desk.deliver(calendar("cancelled", "u1", 10, "2025-10-28T11:00:00Z")).await.unwrap();
    desk.deliver(calendar("booked", "u2", 10, "2025-10-28T12:00:00Z")).await.unwrap();
    let told: Vec<_> = desk.rows(Tab::Bookings).await;
    let told: Vec<_> = told.iter().map(|row| (&row["cal_event_id"], &row["status"])).collect();
    assert_eq!(told, [(&json!("u1"), &json!("canceled")), (&json!("u2"), &json!("booked"))]);
}

#[tokio::test]
async fn a_slot_that_a_booking_left_is_free_for_another() {
    let desk = Desk::start().await;
    desk.deliver(calendar("booked", "", 10, "2025-10-28T10:00:00Z")).await.unwrap();
    desk.deliver(calendar("booked", "u1", 10, "2025-10-28T10:01:00Z")).await.unwrap();
    desk.deliver(calendar("rescheduled", "u1", 12, "2025-10-28T11:00:00Z")).await.unwrap();
    // Told late, about the meeting before it was moved: nothing new.
    desk.deliver(calendar("confirmed", "", 10, "2025-10-28T10:30:00Z")).await.unwrap();
    assert_eq!(desk.row(Tab::Bookings).await["event_start"], "2025-11-01T12:00:00Z");
    desk.deliver(calendar("booked", "", 10, "2025-10-28T12:00:00Z")).await.unwrap();
    let starts: Vec<Value> =
        desk.rows(Tab::Bookings).await.iter().map(|row| row["event_start"].clone()).collect();
    assert_eq!(starts, [json!("2025-11-01T12:00:00Z"), json!("2025-11-01T10:00:00Z")]);
    // The newest holder of the slot is the one that a uid adopts.
    desk.deliver(calendar("booked", "u2", 10, "2025-10-28T12:01:00Z")).await.unwrap();
    assert_eq!(desk.rows(Tab::Bookings).await[1]["cal_event_id"], "u2");
}

#[tokio::test]
async fn what_comes_again_changes_nothing() {
    let desk = Desk::start().await;
    let first = desk.deliver(turn()).await.unwrap();
    let before = desk.counts().await;
    let again = desk.deliver(json!([turn(), turn(), booked()])).await.unwrap();
    assert_eq!((again.accepted, again.duplicates), (1, 2));
    assert_eq!(again.event_ids[0], first.event_ids[0]);
    let desk = desk.restart().await;
    let again = desk.deliver(json!([turn(), booked()])).await.unwrap();
    assert_eq!((again.accepted, again.duplicates), (0, 2));
    let [contacts, leads, engagements, _, _, _, events] = before;
    assert_eq!(desk.counts().await, [contacts + 1, leads, engagements, 1, 0, 0, events + 1]);
}

#[tokio::test]
async fn an_array_is_taken_whole_or_not_at_all() {
    let desk = Desk::start().await;
    for (bad, place) in [
        (json!({"type": "chat.turn", "occurred_at": "yesterday"}), "events[2].occurred_at"),
        (json!({"type": "chat.turn", "score": "high"}), "events[2].score"),
        (json!({"type": "calendar.booked", "contact_id": "a b", "uid": "u"}), "events[2].contact_id"),
        (json!({"type": "calendar.booked"}), "events[2].event_start"),
        (json!({"typ": "chat.turn"}), "events[2].type"),
        (json!("chat.turn"), "events[2]"),
    ] {
        let (code, message) = refused(desk.deliver(json!([turn(), booked(), bad])).await);
        assert_eq!(code, Code::InvalidArgument);
        assert!(message.starts_with(place), "{message}");
    }
    assert_eq!(desk.counts().await, [0; 7]);
}

#[tokio::test]
async fn an_unknown_type_is_kept_as_an_event() {
    let desk = Desk::start().await;
    desk.deliver(json!({"type": "quiz.finished", "score": "A+", "session_id": "ck_9"})).await.unwrap();
    assert_eq!(desk.counts().await, [0, 0, 0, 0, 0, 0, 1]);
    assert_eq!(desk.row(Tab::ChatEvents).await["type"], "quiz.finished");
}

#[tokio::test]
async fn an_anonymous_turn_has_a_contact_once_its_session_is_known() {
    let desk = Desk::start().await;
    let say = |at: &str, intent: &str| json!({"type": "chat.turn", "session_id": "ck_1", "occurred_at": at, "intent": intent, "message": "hello"});
    desk.deliver(say("2025-10-28T10:00:00Z", "none")).await.unwrap();
    assert_eq!(desk.row(Tab::Engagements).await["contact_id"], Value::Null);
    desk.deliver(say("2025-10-28T10:01:00Z", "buy_inquiry")).await.unwrap();
    desk.deliver(say("2025-10-28T10:02:00Z", "none")).await.unwrap();
    let contact = desk.row(Tab::Contacts).await;
    let owners: Vec<Value> =
        desk.rows(Tab::Engagements).await.iter().map(|row| row["contact_id"].clone()).collect();
    assert_eq!(owners, [Value::Null, contact["id"].clone(), contact["id"].clone()]);
    assert_eq!(desk.row(Tab::Leads).await["last_touch"], "2025-10-28T10:01:00Z");
}

#[tokio::test]
async fn a_contact_has_one_open_lead() {
    let desk = Desk::with(&[("LEAD_SCORE_THRESHOLD", "0.8")]).await;
    let say = |at: &str, score: f64| json!({"type": "chat.turn", "email": " Ann@Example.com", "session_id": at, "occurred_at": at, "score": score});
    desk.deliver(say("2025-10-28T10:00:00Z", 0.79)).await.unwrap();
    assert_eq!(desk.counts().await[..2], [1, 0]);
    desk.deliver(json!([say("2025-10-28T10:05:00Z", 0.9), say("2025-10-28T10:03:00Z", 0.95)])).await.unwrap();
    let lead = desk.row(Tab::Leads).await;
    assert_eq!((&lead["score"], &lead["last_touch"]), (&json!(0.9), &json!("2025-10-28T10:05:00Z")));
    assert_eq!(desk.row(Tab::Contacts).await["email"], "ann@example.com");
}

#[tokio::test]
async fn deliveries_of_one_person_at_the_same_moment_end_with_one_contact() {
    let desk = std::sync::Arc::new(Desk::start().await);
    let deliveries: Vec<_> = (0..24)
        .map(|n| {
            let desk = desk.clone();
            tokio::spawn(async move {
                let event = json!({"type": "chat.turn", "email": "ann@example.com", "score": 0.9, "message": n.to_string()});
                desk.deliver(event).await.unwrap().accepted
            })
        })
        .collect();
    for delivery in deliveries {
        assert_eq!(delivery.await.unwrap(), 1);
    }
    assert_eq!(desk.counts().await, [1, 1, 24, 0, 0, 0, 24]);
}

#[tokio::test]
async fn without_a_secret_events_come_from_this_machine_only() {
    let desk = Desk::start().await;
    let body = turn().to_string().into_bytes();
    let (code, message) =
        refused(desk.ingest(IngestEventsRequest { body: body.into(), ..Default::default() }).await);
    assert_eq!(code, Code::PermissionDenied);
    assert!(message.contains("EVENTS_WEBHOOK_SECRET"), "{message}");
    assert_eq!(desk.counts().await, [0; 7]);
}

#[tokio::test]
async fn with_a_secret_every_delivery_must_show_it() {
    let desk = Desk::with(&[("EVENTS_WEBHOOK_SECRET", "newest-secret,older-secret")]).await;
    let deliver = async |body: &str, secret: &str| {
        let body = body.as_bytes().to_vec().into();
        desk.ingest(IngestEventsRequest {
            body,
            secret: secret.into(),
            from_loopback: true,
            ..Default::default()
        })
        .await
    };
    for secret in ["", "wrong", "newest-secret,older-secret", "newest"] {
        // An unverified body is not read: what is wrong with it stays unsaid.
        let (code, message) = refused(deliver("not json", secret).await);
        assert_eq!(code, Code::Unauthenticated, "{secret}");
        assert!(message.starts_with("X-Frontdesk-Secret is"), "{message}");
    }
    for secret in ["newest-secret", "older-secret"] {
        deliver(&turn().to_string(), secret).await.unwrap();
    }
    assert_eq!(refused(deliver("not json", "newest-secret").await).0, Code::InvalidArgument);
}
