//! What is told of what providers state, and of who waits for a human.

use jiff::SignedDuration;
use serde_json::{Value, json};

use super::{
    bench::{Bench, destination},
    receiver::Receiver,
};
use crate::{
    deliveries::{destination::Wants, record::State},
    statements::{
        self, Party, Place,
        tests::{ann, meeting, payment, subscription},
    },
};

/// States what comes to every type about payments and subscriptions.
pub(super) async fn tell_all(bench: &Bench) {
    let nobody = Party::default();
    for (version, status, refunded) in
        [(1, "failed", 0), (2, "paid", 0), (3, "partially_refunded", 500), (4, "disputed", 500)]
    {
        pay(bench, payment("pi_all", version, status, refunded), &nobody).await;
    }
    for (version, status) in [(1, "active"), (2, "past_due"), (3, "canceled")] {
        subscribe(bench, subscription("sub_all", version, status), &nobody).await;
    }
}

async fn pay(bench: &Bench, statement: statements::Statement<statements::Payment>, party: &Party) {
    statements::take(&*bench.deliveries.outbox(), &statement, party).await.unwrap();
    bench.pass(SignedDuration::from_secs(1));
}

async fn subscribe(
    bench: &Bench,
    statement: statements::Statement<domain::tab::Subscription>,
    party: &Party,
) {
    statements::take(&*bench.deliveries.outbox(), &statement, party).await.unwrap();
    bench.pass(SignedDuration::from_secs(1));
}

async fn book(bench: &Bench, statement: crate::bookings::Statement) {
    let outbox = bench.deliveries.outbox();
    statements::take_booking(&*outbox, &statement, &ann(), bench.now()).await.unwrap();
    bench.pass(SignedDuration::from_secs(1));
}

async fn world() -> (Bench, Receiver) {
    let receiver = Receiver::start().await;
    (Bench::new(vec![destination("one", &receiver.url)]), receiver)
}

/// What was told, by type; things are told in their order, people beside them.
async fn told(bench: &mut Bench, receiver: &Receiver) -> Vec<(String, Value)> {
    bench.settle_all().await;
    let received = receiver.received();
    received.iter().for_each(super::bench::verify);
    let pair = |body: &Value| (body["type"].as_str().unwrap().to_owned(), body["data"].clone());
    let mut told: Vec<_> = received.iter().map(|received| pair(&received.body)).collect();
    told.sort_by_key(|(kind, _)| kind != "contact.created");
    told
}

fn types(told: &[(String, Value)]) -> Vec<&str> {
    told.iter().map(|(kind, _)| kind.as_str()).collect()
}

#[tokio::test]
async fn a_meeting_that_a_provider_states_is_told_as_one_of_events_is() {
    let (mut bench, receiver) = world().await;
    book(&bench, meeting(&["u1"], 1, 18, "booked")).await;
    book(&bench, meeting(&["u1"], 1, 18, "booked")).await;
    book(&bench, meeting(&["u1", "u2"], 2, 19, "rescheduled")).await;
    // Events that say otherwise are not believed, so nothing happened.
    bench
        .take(json!({"type": "calendar.cancelled", "uid": "u1", "cal_provider": "cal.com",
            "event_start": "2025-11-01T18:00:00Z"}))
        .await;
    book(&bench, meeting(&["u1", "u2"], 3, 19, "canceled")).await;
    let told = told(&mut bench, &receiver).await;
    assert_eq!(
        types(&told),
        ["contact.created", "booking.created", "booking.rescheduled", "booking.cancelled"]
    );
    let moved = &told[2].1;
    assert_eq!(
        (&moved["previous_start"], &moved["event_start"], &moved["contact"]["first_name"]),
        (&json!("2025-11-01T18:00:00Z"), &json!("2025-11-01T19:00:00Z"), &json!("Ann"))
    );
}

/// What is told of meetings that come to these statements: uids, hour, status.
async fn told_of(statements: &[(&[&str], u8, &str)]) -> Vec<(String, Value)> {
    let (mut bench, receiver) = world().await;
    for (version, (uids, hour, status)) in (1..).zip(statements) {
        book(&bench, meeting(uids, version, *hour, status)).await;
    }
    let mut told = told(&mut bench, &receiver).await;
    told.retain(|(kind, _)| kind.starts_with("booking."));
    told
}

#[tokio::test]
async fn a_request_is_told_when_it_is_confirmed() {
    let (old, new): (&[&str], &[&str]) = (&["u1"], &["u1", "u2"]);
    let told = told_of(&[
        (old, 17, "requested"),
        (old, 18, "requested"),
        (old, 18, "booked"),
        // The move is a request as well.
        (new, 19, "requested"),
        (new, 19, "rescheduled"),
        (new, 19, "no_show"),
        (new, 19, "canceled"),
    ])
    .await;
    assert_eq!(types(&told), ["booking.created", "booking.rescheduled", "booking.cancelled"]);
    let start = |hour: u8| json!(format!("2025-11-01T{hour}:00:00Z"));
    assert_eq!((&told[0].1["event_start"], &told[0].1["status"]), (&start(18), &json!("booked")));
    assert_eq!((&told[1].1["previous_start"], &told[1].1["event_start"]), (&start(18), &start(19)));
}

#[tokio::test]
async fn a_request_that_comes_to_nothing_is_not_told() {
    let uids: &[&str] = &["u1"];
    for end in ["rejected", "canceled"] {
        assert_eq!(told_of(&[(uids, 18, "requested"), (uids, 18, end)]).await, [], "{end}");
    }
    assert_eq!(told_of(&[(uids, 18, "rejected")]).await, []);
    let declined = told_of(&[(uids, 18, "booked"), (uids, 19, "requested"), (uids, 19, "rejected")]).await;
    assert_eq!(types(&declined), ["booking.created", "booking.cancelled"]);
}

#[tokio::test]
async fn of_a_meeting_whose_end_alone_is_heard_it_is_told_that_it_was_booked() {
    for (end, expected) in
        [("canceled", &["booking.created", "booking.cancelled"][..]), ("no_show", &["booking.created"])]
    {
        let uids: &[&str] = &["u1"];
        assert_eq!(types(&told_of(&[(uids, 18, end), (uids, 18, end)]).await), expected, "{end}");
    }
}

#[tokio::test]
async fn what_its_provider_says_of_a_meeting_that_is_over_decides_whether_it_was_booked() {
    for (was_booked, expected) in
        [(true, &["booking.created", "booking.cancelled"][..]), (false, &[] as &[&str])]
    {
        for begin in [&[][..], &["requested"]] {
            let (mut bench, receiver) = world().await;
            for (version, status) in (1..).zip(begin.iter().chain(&["canceled"])) {
                let said = meeting(&["u1"], version, 18, status);
                let was_booked = Some(was_booked && *status == "canceled");
                book(&bench, crate::bookings::Statement { was_booked, ..said }).await;
            }
            let mut told = told(&mut bench, &receiver).await;
            told.retain(|(kind, _)| kind.starts_with("booking."));
            assert_eq!(types(&told), expected, "{was_booked} after {begin:?}");
        }
    }
}

#[tokio::test]
async fn a_dispute_is_told_once_however_it_ends() {
    for end in ["lost", "paid"] {
        let (mut bench, receiver) = world().await;
        for (version, status) in [(1, "paid"), (2, "disputed"), (3, "disputed"), (4, end)] {
            pay(&bench, payment("pi_1", version, status, 0), &ann()).await;
        }
        let told = told(&mut bench, &receiver).await;
        assert_eq!(types(&told), ["contact.created", "payment.succeeded", "payment.disputed"], "{end}");
    }
}

#[tokio::test]
async fn a_payment_is_told_once_however_much_was_skipped() {
    let (mut bench, receiver) = world().await;
    for version in [1, 1] {
        pay(&bench, payment("pi_1", version, "pending", 0), &ann()).await;
    }
    pay(&bench, payment("pi_1", 3, "partially_refunded", 500), &ann()).await;
    pay(&bench, payment("pi_1", 2, "paid", 0), &ann()).await;
    pay(&bench, payment("pi_1", 4, "refunded", 15_000), &ann()).await;
    pay(&bench, payment("pi_1", 5, "refunded", 15_000), &ann()).await;
    let told = told(&mut bench, &receiver).await;
    assert_eq!(
        types(&told),
        ["contact.created", "payment.succeeded", "payment.refunded", "payment.refunded"]
    );
    let back = |nth: usize| told[nth].1["refunded"]["minor"].clone();
    assert_eq!((back(2), back(3)), (json!(500), json!(15_000)));
    assert_eq!(told[3].1["metadata"]["item"], "strategy-consult");
}

#[tokio::test]
async fn a_subscription_tells_what_changed() {
    let (mut bench, receiver) = world().await;
    subscribe(&bench, subscription("sub_1", 1, "active"), &ann()).await;
    subscribe(&bench, subscription("sub_1", 2, "past_due"), &ann()).await;
    subscribe(&bench, subscription("sub_1", 3, "past_due"), &ann()).await;
    subscribe(&bench, subscription("sub_1", 4, "canceled"), &ann()).await;
    let told = told(&mut bench, &receiver).await;
    assert_eq!(
        types(&told),
        ["contact.created", "subscription.created", "subscription.updated", "subscription.canceled"]
    );
    assert_eq!(told[2].1["changed"], json!(["status"]));
}

#[tokio::test]
async fn it_is_told_where_it_was_asked_for() {
    let receiver = Receiver::start().await;
    let portal = Wants { workflows: vec!["client-portal".to_owned()], ..Wants::default() };
    let portal = crate::deliveries::Destination { wants: portal, ..destination("one", &receiver.url) };
    let mut bench = Bench::new(vec![portal]);
    let place = Place { workflow: "client-portal".into(), site: "portal.example".into() };
    pay(&bench, payment("pi_1", 1, "paid", 0), &Party { place, ..ann() }).await;
    // It is still known where when the provider alone speaks of it.
    pay(&bench, payment("pi_1", 2, "refunded", 15_000), &Party { place: Place::default(), ..ann() }).await;
    pay(&bench, payment("pi_2", 1, "paid", 0), &ann()).await;
    let told = told(&mut bench, &receiver).await;
    assert_eq!(types(&told), ["contact.created", "payment.succeeded", "payment.refunded"]);
}

#[tokio::test]
async fn who_waits_for_a_human_is_told_once_and_not_from_abroad() {
    let (mut bench, receiver) = world().await;
    let event = json!({"type": "chat.outcome", "id": "evt_1", "session_id": "s1", "email": "ann@example.com",
        "outcome": "needs_human", "workflow_id": "lead-concierge"});
    bench.take(event.clone()).await;
    bench.take(event).await;
    bench.take(json!({"type": "payment.slot_lost", "id": "evt_2", "outcome": "needs_human"})).await;
    bench.take(json!({"type": "chat.outcome", "id": "evt_3", "outcome": "qualified"})).await;
    bench.take_back(json!({"type": "chat.outcome", "id": "evt_4", "outcome": "needs_human"})).await;
    let told = told(&mut bench, &receiver).await;
    let mut handoffs: Vec<_> = told.iter().filter(|(kind, _)| kind == "handoff.requested").collect();
    handoffs.sort_by_key(|(_, data)| data["event_id"].to_string());
    assert_eq!(handoffs.len(), 2);
    let (first, second) = (&handoffs[0].1, &handoffs[1].1);
    assert_eq!(
        (&first["event_id"], &first["session_id"], &first["contact"]["email"]),
        (&json!("evt_1"), &json!("s1"), &json!("ann@example.com"))
    );
    assert_eq!((&second["event_id"], &second["contact"]), (&json!("evt_2"), &Value::Null));
    assert_eq!(bench.in_state(State::Waiting).await, []);
}
