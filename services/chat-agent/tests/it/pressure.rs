//! Two at once, a listener that does not keep up, silence, a process that leaves, a responder that fails.

use std::{
    sync::atomic::Ordering::SeqCst,
    time::{Duration, Instant},
};

use chassis::Drain;
use serde_json::json;

use crate::{
    desk::{Desk, Setup, add, create, request, until},
    script::{DELTAS, text_of},
};

fn paced(change: impl FnOnce(&mut Setup)) -> Setup {
    let mut setup = Setup::default();
    change(&mut setup);
    setup
}

#[tokio::test]
async fn a_second_message_waits_and_then_is_told_to_try_again() {
    let desk = paced(|setup| setup.pace.wait = Duration::from_millis(20)).start().await;
    let mut first = desk.send(create("steps")).await.unwrap();
    let id = first.next().await.unwrap()["thread"]["id"].as_str().unwrap().to_owned();
    for body in [
        add(&id, "plain"),
        request("threads.add_client_tool_output", json!({"thread_id": id, "result": {}})),
        request("threads.custom_action", json!({"thread_id": id, "action": {"type": "x"}})),
    ] {
        let error =
            json!({"type": "error", "code": "custom", "message": "still answering", "allow_retry": true});
        assert_eq!(desk.events(body).await, [error]);
    }
    desk.script.steps.add_permits(9);
    first.rest().await;
    assert_eq!(desk.reload(&id).await.len(), 3, "nothing of the others is kept");
    assert_eq!(desk.events(add(&id, "plain")).await.last().unwrap()["type"], "thread.item.done");
}

#[tokio::test]
async fn a_second_message_is_answered_once_the_first_is_stopped() {
    let desk = Desk::start().await;
    let mut first = desk.send(create("steps")).await.unwrap();
    let id = first.next().await.unwrap()["thread"]["id"].as_str().unwrap().to_owned();
    desk.script.steps.add_permits(5);
    first.take(OPENED).await;
    let (second, ()) = tokio::join!(desk.events(add(&id, "plain")), async { drop(first) });
    assert_eq!(second.last().unwrap()["type"], "thread.item.done");
    let texts: Vec<_> = desk.reload(&id).await.iter().map(text_of).collect();
    assert_eq!(texts, ["", "Saved", "One, ", "", "Hello"], "the two do not mix");
}

/// Events after `thread.created`, up to the first delta.
const OPENED: usize = 7;

#[tokio::test]
async fn many_messages_at_once_are_answered_one_by_one() {
    let desk = Desk::start().await;
    let (id, _) = desk.begin("plain").await;
    let answers = futures_util::future::join_all((0..8).map(|_| desk.events(add(&id, "plain")))).await;
    assert!(answers.iter().all(|events| events.last().unwrap()["type"] == "thread.item.done"));
    let items = desk.reload(&id).await;
    let kinds: Vec<_> = items.iter().map(|item| item["type"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["user_message", "assistant_message"].repeat(9));
}

#[tokio::test]
async fn a_listener_that_does_not_keep_up_is_lost() {
    let desk = paced(|setup| setup.pace.waiting = 16).start().await;
    let mut stream = desk.send(create("flood")).await.unwrap();
    let id = stream.next().await.unwrap()["thread"]["id"].as_str().unwrap().to_owned();
    until(async || desk.script.ended.load(SeqCst) == 1).await;
    desk.settled(&id).await;
    let events = stream.rest().await;
    let error = json!({"type": "error", "code": "stream.error", "allow_retry": true});
    assert_eq!(events.last(), Some(&error), "it is told when it reads on");
    let heard = events.iter().filter(|event| event["update"]["delta"].is_string()).count();
    let items = desk.reload(&id).await;
    assert!(text_of(&items[1]).len() >= heard * 1_000 && heard < 199, "{heard}");
    assert_eq!(items.len(), 2);
    let note = desk.kept(&id).await.pop().unwrap();
    assert!(note["content"].as_str().unwrap().contains("cut this answer short"), "{note}");
}

#[tokio::test]
async fn silence_is_broken() {
    let desk = paced(|setup| setup.pace.silence = Duration::from_millis(10)).start().await;
    let mut stream = desk.send(create("steps")).await.unwrap();
    let events = stream.take(5).await;
    for progress in &events[3..] {
        assert_eq!((&progress["type"], progress["text"].is_string()), (&json!("progress_update"), true));
    }
    desk.script.steps.add_permits(9);
    assert_eq!(stream.rest().await.last().unwrap()["type"], "thread.item.done");
}

#[tokio::test]
async fn a_turn_that_ends_in_time_is_whole_when_the_process_leaves() {
    let desk = Desk::start().await;
    let mut stream = desk.send(create("steps")).await.unwrap();
    stream.take(3).await;
    desk.leave();
    desk.script.steps.add_permits(9);
    assert_eq!(stream.rest().await.last().unwrap()["type"], "thread.item.done");
    assert_eq!(desk.stop().await.0, Drain::Clean);
}

#[tokio::test]
async fn a_turn_that_does_not_end_is_cut_when_the_process_leaves() {
    let desk = paced(|setup| setup.pace.drain = Duration::from_millis(50)).start().await;
    let mut stream = desk.send(create("steps")).await.unwrap();
    let id = stream.next().await.unwrap()["thread"]["id"].as_str().unwrap().to_owned();
    desk.script.steps.add_permits(6);
    stream.take(8).await;
    let left = Instant::now();
    desk.leave();
    let events = stream.rest().await;
    assert_eq!(events.len(), 2, "{events:?}");
    assert_eq!(text_of(&events[0]["item"]), DELTAS[..2].concat(), "what there is, whole");
    assert_eq!(events[1], json!({"type": "error", "code": "stream.error", "allow_retry": true}));
    let (drain, dir) = desk.stop().await;
    assert_eq!(drain, Drain::Clean);
    assert!(left.elapsed() < Duration::from_secs(8), "{:?}", left.elapsed());

    let desk = Setup::default().start_in(dir).await;
    let texts: Vec<_> = desk.reload(&id).await.iter().map(text_of).collect();
    assert_eq!(texts, ["", "Saved", &DELTAS[..2].concat()]);
    assert_eq!(desk.kept(&id).await.len(), 4, "with a note for the model");
    assert!(desk.record(&id).await.unwrap()["running_since"].is_null());
}

#[tokio::test]
async fn a_responder_that_panics_costs_its_own_turn_only() {
    let desk = Desk::start().await;
    let (id, events) = desk.begin("panic").await;
    let error = json!({"type": "error", "code": "stream.error", "allow_retry": true});
    assert_eq!(events.last(), Some(&error));
    assert_eq!(desk.events(add(&id, "plain")).await.last().unwrap()["type"], "thread.item.done");
}

#[tokio::test]
async fn text_before_a_failure_is_kept_and_a_message_without_text_is_not() {
    let desk = Desk::start().await;
    let (id, events) = desk.begin("half").await;
    let kinds: Vec<_> = events[5..].iter().map(|event| event["type"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["thread.item.updated", "thread.item.done", "error"]);
    assert_eq!(text_of(&desk.reload(&id).await[1]), "Half");
    assert_eq!(desk.kept(&id).await[2]["type"], "hidden_context_item");

    let (id, events) = desk.begin("empty").await;
    let kinds: Vec<_> = events[5..].iter().map(|event| event["type"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["thread.item.removed", "error"]);
    assert_eq!(desk.kept(&id).await.len(), 1);
}
