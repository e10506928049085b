//! A browser that goes away in the middle of a turn, at each of its events.

use std::sync::atomic::Ordering::SeqCst;

use serde_json::Value;

use crate::{
    desk::{Desk, add, create, until},
    script::{DELTAS, text_of},
};

/// Events that come before the responder's own.
const OPENING: usize = 3;
/// Events of the turn by steps: progress, receipt, added, part, three deltas, part, done.
const STEPS: usize = 9;

/// Drops the stream once `heard` events have come, and no more could.
async fn disconnect(heard: usize) {
    let desk = Desk::start().await;
    let mut stream = desk.send(create("steps")).await.unwrap();
    desk.script.steps.add_permits(heard.saturating_sub(OPENING));
    let events = stream.take(heard).await;
    let whole = heard == OPENING + STEPS;
    if whole {
        assert!(stream.next().await.is_none());
    }
    // the first one comes whatever happens: it is how the thread is found again
    let id = match events.first() {
        Some(event) => event["thread"]["id"].as_str().unwrap().to_owned(),
        None => stream.take(1).await[0]["thread"]["id"].as_str().unwrap().to_owned(),
    };
    drop(stream);
    until(async || desk.script.ended.load(SeqCst) == 1).await;
    desk.settled(&id).await;

    let items = desk.reload(&id).await;
    assert_eq!(items[0]["type"], "user_message");
    let begun = desk.script.begun.load(SeqCst);
    assert_eq!(begun, usize::from(heard > OPENING), "{heard}");
    assert_eq!(desk.script.finished.load(SeqCst), begun, "what was begun is finished, once");
    let receipts = items.iter().filter(|item| item["type"] == "widget").count();
    assert_eq!(receipts, begun, "{heard}: the receipt is kept");

    let deltas = heard.saturating_sub(OPENING + 4).min(DELTAS.len());
    let texts: Vec<_> =
        items.iter().filter(|item| item["type"] == "assistant_message").map(text_of).collect();
    let expected = (deltas > 0).then(|| DELTAS[..deltas].concat());
    assert_eq!(texts, Vec::from_iter(expected), "{heard}: the text that was heard is kept, once");

    let hidden = |items: &[Value]| items.iter().filter(|item| item["type"] == "hidden_context_item").count();
    let kept = desk.kept(&id).await;
    assert_eq!(hidden(&kept), usize::from(!whole), "{heard}: the model is told");
    assert_eq!(hidden(&items), 0, "and nobody else");

    let events = desk.events(add(&id, "on")).await;
    assert_eq!(events.last().unwrap()["type"], "thread.item.done", "{heard}: the thread goes on");
    let (_, seen) = desk.script.last_seen();
    assert_eq!(seen.len(), kept.len() + 1, "the responder sees all of it");
}

#[tokio::test]
async fn at_every_event_of_a_turn() {
    for heard in 0..=OPENING + STEPS {
        disconnect(heard).await;
    }
}

#[tokio::test]
async fn before_anything_is_answered() {
    let desk = Desk::start().await;
    let (id, _) = desk.begin("plain").await;
    for _ in 0..20 {
        // the call is dropped wherever it has come to
        let call = desk.send(add(&id, "plain"));
        let _ = tokio::time::timeout(std::time::Duration::from_micros(300), call).await;
    }
    let events = desk.events(add(&id, "plain")).await;
    assert_eq!(events.last().unwrap()["type"], "thread.item.done");
    let kept = desk.kept(&id).await;
    let count = |kind: &str| kept.iter().filter(|item| item["type"] == kind).count();
    // a message that is kept has its turn, which ends after its last event
    crate::desk::until(async || desk.script.ended.load(SeqCst) == count("user_message")).await;
    let turns = desk.script.ended.load(SeqCst);
    assert!(turns >= 2 && count("assistant_message") == turns, "{kept:?}");
}
