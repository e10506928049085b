//! What is told of what happens in the books, to whom, and what is not.

use serde_json::{Value, json};

use super::{
    bench::{Bench, destination, verify},
    receiver::Receiver,
};
use crate::{
    deliveries::{catalogue, destination::Wants, record::State},
    people,
};

async fn world() -> (Bench, Receiver) {
    let receiver = Receiver::start().await;
    (Bench::new(vec![destination("one", &receiver.url)]), receiver)
}

fn data_of<'r>(bodies: &'r [Value], kind: &str) -> &'r Value {
    let mut found = bodies.iter().filter(|body| body["type"] == kind);
    let data = &found.next().unwrap_or_else(|| panic!("no {kind} in {bodies:#?}"))["data"];
    assert!(found.next().is_none(), "{kind} came twice");
    data
}

#[tokio::test]
async fn every_type_of_the_catalogue_is_told_and_fits_its_schema() {
    let (mut bench, receiver) = world().await;
    bench
        .take(json!([
            {"type": "chat.turn", "id": "evt_1", "occurred_at": "2026-01-05T08:00:00Z", "session_id": "s1",
             "workflow_id": "lead-concierge", "page": "/pricing", "message": "hi", "email": "Ann@Example.com",
             "intent": "buy_inquiry", "score": 0.7, "traits": {"utm_source": "yt"}},
            {"type": "chat.outcome", "id": "evt_2", "session_id": "s1", "outcome": "qualified", "workflow_id": "lead-concierge"},
        ]))
        .await;
    bench
        .take(json!({"type": "chat.turn", "session_id": "s1", "score": 0.9, "email": "ann@example.com",
            "outcome": "needs_human"}))
        .await;
    let booking = |action: &str, start: &str| {
        json!({"type": format!("calendar.{action}"), "email": "bob@example.com", "cal_provider": "cal.com", "uid": "u1",
               "event_start": start, "occurred_at": start.replace("2026-02", "2026-01")})
    };
    bench.take(booking("booked", "2026-02-01T10:00:00Z")).await;
    bench.take(booking("rescheduled", "2026-02-02T10:00:00Z")).await;
    bench.take(booking("cancelled", "2026-02-03T10:00:00Z")).await;
    bench.settle_all().await;
    let told: Vec<Value> = receiver.received().iter().map(|received| received.body.clone()).collect();
    let id_of = |email: &str| {
        let made = |body: &&Value| body["type"] == "contact.created" && body["data"]["email"] == email;
        told.iter().find(made).unwrap()["data"]["id"].as_str().unwrap()
    };
    let ids = [id_of("ann@example.com"), id_of("bob@example.com")];
    people::merge(&*bench.deliveries.outbox(), ids[0], ids[1]).await.unwrap();
    super::stated::tell_all(&bench).await;
    bench.settle_all().await;

    let received = receiver.received();
    received.iter().for_each(verify);
    let bodies: Vec<Value> = received.into_iter().map(|received| received.body).collect();
    for entry in catalogue::all() {
        assert!(bodies.iter().any(|body| body["type"] == entry.name), "{} was never told", entry.name);
    }
    let turn = bodies.iter().find(|body| body["id"] == "evt_1").unwrap();
    assert_eq!((&turn["type"], &turn["occurred_at"]), (&json!("chat.turn"), &json!("2026-01-05T08:00:00Z")));
    assert_eq!((&turn["data"]["contact_id"], &turn["data"]["score"]), (&json!(ids[0]), &json!(0.7)));
    let lead = data_of(&bodies, "lead.created");
    assert_eq!(
        (&lead["contact"]["email"], &lead["intent"]),
        (&json!("ann@example.com"), &json!("buy_inquiry"))
    );
    let moved = data_of(&bodies, "booking.rescheduled");
    assert_eq!(
        (&moved["previous_start"], &moved["event_start"]),
        (&json!("2026-02-01T10:00:00Z"), &json!("2026-02-02T10:00:00Z"))
    );
    assert_eq!(data_of(&bodies, "booking.cancelled")["status"], "canceled");
    assert_eq!(
        data_of(&bodies, "contact.merged"),
        &json!({"contact_id": ids[0], "merged_contact_id": ids[1]})
    );
    let rescored = bodies.iter().filter(|body| body["type"] == "lead.updated");
    assert!(rescored.map(|body| &body["data"]).any(|lead| {
        lead["score"] == 0.9 && lead["changed"].as_array().unwrap().contains(&json!("score"))
    }));
}

#[tokio::test]
async fn an_event_that_comes_back_is_recorded_once_and_not_forwarded() {
    let (mut bench, receiver) = world().await;
    bench.take(json!({"type": "chat.turn", "id": "evt_1", "session_id": "s1", "score": 0.9})).await;
    bench.settle_all().await;
    let told = receiver.received();
    assert_eq!(told.len(), 3, "turn, contact, lead");
    for received in &told {
        // the same again, and under another id
        bench.take_back(received.body.clone()).await;
        let mut other = received.body.clone();
        other["id"] = json!(format!("{}-back", other["id"].as_str().unwrap()));
        other["score"] = json!(0.95);
        bench.take_back(other.clone()).await;
        bench.take_back(other).await;
    }
    assert_eq!(bench.in_state(State::Waiting).await, []);
    assert_eq!(
        bench.chat_events().await,
        6,
        "evt_1, its lead and contact as they came back, and three under other ids"
    );
}

#[tokio::test]
async fn what_does_not_change_a_thing_is_not_told() {
    let (bench, _) = world().await;
    let turn = json!({"type": "chat.turn", "id": "evt_1", "session_id": "s1", "score": 0.9});
    bench.take(turn.clone()).await;
    let before = bench.in_state(State::Waiting).await;
    bench.take(turn).await;
    bench.take(json!({"type": "page.viewed", "session_id": "s1"})).await;
    assert_eq!(bench.in_state(State::Waiting).await, before);
}

#[tokio::test]
async fn a_destination_gets_what_it_wants_and_nothing_else() {
    let receiver = Receiver::start().await;
    let wanting = |name: &str, wants: Wants| {
        let all = destination(name, &format!("{}/{name}", receiver.url));
        crate::deliveries::Destination { wants, ..all }
    };
    let list = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>();
    let mut bench = Bench::new(vec![
        wanting("leads", Wants { types: list(&["lead.*"]), ..Wants::default() }),
        wanting("portal", Wants { workflows: list(&["client-portal"]), ..Wants::default() }),
        wanting(
            "site",
            Wants { sites: list(&["a.example"]), types: list(&["chat.turn"]), ..Wants::default() },
        ),
    ]);
    bench
        .take(json!([
            {"type": "chat.turn", "session_id": "s1", "score": 0.9, "workflow_id": "client-portal", "page": "https://b.example/x"},
            {"type": "chat.turn", "session_id": "s2", "score": 0.9, "workflow_id": "lead-concierge", "page": "https://a.example/x"},
        ]))
        .await;
    bench.settle_all().await;
    let to = |name: &str| {
        let mut types: Vec<_> =
            receiver.received().into_iter().filter(|received| received.path.ends_with(name)).collect();
        types.sort_by_key(|received| received.body["type"].as_str().unwrap().to_owned());
        types.iter().map(|received| received.body["type"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(to("leads"), ["lead.created", "lead.created"]);
    assert_eq!(to("portal"), ["chat.turn", "contact.created", "lead.created"]);
    assert_eq!(to("site"), ["chat.turn"]);
}
