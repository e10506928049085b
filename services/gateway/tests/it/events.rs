//! Events go through untouched.

use domain::{Fault, Kind, Reason};
use proto::sheets::v1::IngestEventsResponse;

use crate::world::{Answer, EVENTS, World};

#[tokio::test]
async fn an_event_is_passed_on_byte_for_byte() {
    let world = World::start().await;
    let done =
        IngestEventsResponse { accepted: 1, duplicates: 1, event_ids: vec!["evt_a".into(), "evt_b".into()] };
    world.backend.notes().events.push_back(Ok(done));
    let body = " [ {\"type\": \"chat.turn\", \"score\": 0.720 } , {} ]\r\n";
    let request = world
        .post(EVENTS, body)
        .header("x-frontdesk-secret", "sésame")
        .header("x-frontdesk-hop", "1")
        .header("x-request-id", "abc");
    let answer = Answer::of(request).await;
    assert_eq!(answer.status, 202, "{answer:?}");
    assert_eq!(answer.text, r#"{"accepted":1,"duplicates":1,"ids":["evt_a","evt_b"]}"#);
    let notes = world.backend.notes();
    let asked = &notes.ingests[0];
    assert_eq!(asked.body, body.as_bytes());
    assert_eq!((asked.secret.as_str(), asked.hop.as_str()), ("sésame", "1"));
    assert_eq!(asked.request_id, "abc");
    let caller = asked.caller.as_ref().unwrap();
    assert_eq!((caller.visitor_id.as_str(), caller.site.as_str()), ("", ""));
}

#[tokio::test]
async fn absent_headers_are_empty() {
    let world = World::start().await;
    assert_eq!(Answer::of(world.post(EVENTS, "{}")).await.status, 202);
    let notes = world.backend.notes();
    assert_eq!((notes.ingests[0].secret.as_str(), notes.ingests[0].hop.as_str()), ("", ""));
}

#[tokio::test]
async fn refusals_of_the_books_reach_the_sender() {
    let world = World::start().await;
    let wrong = Fault::new(Kind::Unauthenticated, Reason::SecretWrong, "the secret is wrong");
    let index = Fault::invalid("events[3].occurred_at", "events[3].occurred_at must be RFC 3339");
    let local = Fault::new(Kind::Forbidden, Reason::LoopbackOnly, "events are taken from loopback only");
    let faults = [wrong, index, local].map(|fault| Err(chassis::status::status(&fault)));
    world.backend.notes().events.extend(faults);
    let refused = Answer::of(world.post(EVENTS, "{}").header("x-frontdesk-secret", "guess")).await;
    assert_eq!(refused.problem(401, "SECRET_WRONG"), "the secret is wrong");
    let refused = Answer::of(world.post(EVENTS, "[]")).await;
    assert_eq!(refused.problem(400, "INVALID_VALUE"), "events[3].occurred_at must be RFC 3339");
    assert_eq!(refused.json()["field"], "events[3].occurred_at");
    Answer::of(world.post(EVENTS, "{}")).await.problem(403, "LOOPBACK_ONLY");
}

#[tokio::test]
async fn bodies_have_a_limit() {
    let world = World::start().await;
    let just_fits = format!("\"{}\"", "x".repeat((256 << 10) - 2));
    assert_eq!(Answer::of(world.post(EVENTS, just_fits)).await.status, 202);
    let error = Answer::of(world.post(EVENTS, "x".repeat((256 << 10) + 1))).await.problem(413, "TOO_LARGE");
    assert_eq!(error, "the body is longer than 256 KiB");
    let error = Answer::of(world.post(EVENTS, " \n ")).await.problem(400, "MALFORMED");
    assert_eq!(error, "the body is empty; send an event or an array of events");
    assert_eq!(world.backend.notes().ingests.len(), 1);
}
