//! The model fails: before its first word a form takes its place, after it the visitor may try again.

use sandbox::{Fault, FaultKind, Provider, Scripted};
use serde_json::Value;

use super::talk::{Talk, create, done, fill, heard, kinds, may_retry, retry, said, text};
use crate::world::World;

const STORY: &str = "Once upon a time there was a form that everybody filled in and nobody ever read again.";

fn inject(world: &World, count: u32, kind: FaultKind) {
    let path = Some("/responses".to_owned());
    world.sandbox().inject(Fault { provider: Provider::OpenAi, path, count, kind });
}

fn requests(world: &World) -> usize {
    world.sandbox().requests().iter().filter(|asked| asked.path.ends_with("/responses")).count()
}

/// Fills in the form that the events end with, and checks that it becomes a lead.
async fn form_becomes_a_lead(world: &World, talk: &Talk, events: &[Value]) {
    let items = done(events);
    let form = items.last().unwrap();
    assert_eq!(
        (&form["type"], &form["status"]),
        (&"structured_input".into(), &"pending".into()),
        "{items:?}"
    );
    let filled = talk.events(&fill(form, &["Ann Example", "ann@example.com", "A new site"])).await;
    assert_eq!(kinds(&done(&filled)), ["assistant_message", "widget"], "{filled:?}");
    world.lines_when("leads", 1).await;
    let contact = world.lines("contacts").remove(0);
    assert_eq!((&contact["email"], &contact["first_name"]), (&"ann@example.com".into(), &"Ann".into()));
    assert_eq!(world.lines("leads")[0]["notes"], "A new site");

    let twice = talk.answer(&fill(form, &["Bob Example", "bob@example.com", "A second lead"])).await;
    twice.problem(409, "STATE_WRONG");
    let thread = form["thread_id"].as_str().unwrap();
    let kept = talk.reload(thread).await;
    let answered = kept.iter().find(|item| item["type"] == "structured_input").unwrap();
    assert_eq!(answered["status"], "answered");
    world.all_written().await;
    assert_eq!((world.lines("contacts").len(), world.lines("leads").len()), (1, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_model_that_is_down_is_replaced_by_a_form() {
    let world = World::talkative().await;
    let talk = world.talk().await;
    inject(&world, 3, FaultKind::Status(503));
    let (thread, events) = talk.create("What does it cost?").await;
    assert_eq!(kinds(&done(&events)), ["user_message", "assistant_message", "structured_input"]);
    assert_eq!(requests(&world), 3, "two more attempts, no more");
    form_becomes_a_lead(&world, &talk, &events).await;
    assert!(said(&done(&talk.say(&thread, "What does it cost?").await)).contains("490.00 EUR"), "it is back");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_spent_budget_is_replaced_by_a_form() {
    let world = World::with(&[("LIMIT_CHAT", "off"), ("LIMIT_TOKENS_DAY", "1")]).await;
    let talk = world.talk().await;
    let (thread, first) = talk.create("Hello!").await;
    assert_eq!(
        kinds(&done(&first)),
        ["user_message", "assistant_message"],
        "what is left is enough to begin"
    );
    let before = requests(&world);
    let events = talk.say(&thread, "What does it cost?").await;
    assert_eq!(kinds(&done(&events)), ["user_message", "assistant_message", "structured_input"]);
    form_becomes_a_lead(&world, &talk, &events).await;
    assert_eq!(requests(&world), before, "the model is not asked any more");
    let (_, other) = world.talk().await.create("Hello!").await;
    assert_eq!(
        kinds(&done(&other)),
        ["user_message", "assistant_message"],
        "somebody else has a budget of their own"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn hiccups_before_the_first_word_go_unseen() {
    let world = World::talkative().await;
    let talk = world.talk().await;
    for kind in [
        FaultKind::Status(500),
        FaultKind::RateLimited { retry_after_s: Some(1) },
        FaultKind::Reset,
        FaultKind::CutAfter(2),
    ] {
        inject(&world, 1, kind.clone());
        let (thread, events) = talk.create("Hello!").await;
        assert_eq!(kinds(&done(&events)), ["user_message", "assistant_message"], "{kind:?}: {events:?}");
        assert!(!events.iter().any(|event| event["type"] == "error"), "{kind:?}");
        assert_eq!(talk.reload(&thread).await, done(&events), "{kind:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_breaks_is_kept_as_far_as_it_was_heard() {
    let world = World::talkative().await;
    let talk = world.talk().await;
    for kind in [FaultKind::CutAfter(9), FaultKind::GarbledAfter(9), FaultKind::FailedAfter(9)] {
        world.sandbox().script(vec![Scripted::words(STORY)]);
        inject(&world, 1, kind.clone());
        let before = requests(&world);
        let events = talk.events(&create("Tell me a story")).await;
        assert!(may_retry(events.last().unwrap()), "{kind:?}: {events:?}");
        assert_eq!(events.iter().filter(|event| event["type"] == "error").count(), 1);
        assert_eq!(requests(&world), before + 1, "what was begun is not asked for again");
        let part = heard(&events);
        assert!(!part.is_empty() && STORY.starts_with(&part) && part != STORY, "{kind:?}: {part:?}");

        let thread = super::talk::thread_of(&events[0]);
        let kept = talk.reload(&thread).await;
        assert_eq!(kinds(&kept), ["user_message", "assistant_message"], "{kind:?}");
        assert_eq!(text(&kept[1]), part, "{kind:?}");

        world.sandbox().script(vec![Scripted::words(STORY)]);
        let again = talk.events(&retry(&thread, kept[0]["id"].as_str().unwrap())).await;
        assert!(!again.iter().any(|event| event["type"] == "error"), "{again:?}");
        let whole = talk.reload(&thread).await;
        assert_eq!(kinds(&whole), ["user_message", "assistant_message"], "the half of it is gone");
        assert_eq!((&whole[0], text(&whole[1])), (&kept[0], STORY.to_owned()));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_limit_after_a_call_is_an_error_that_may_be_tried_again() {
    let world = World::talkative().await;
    let talk = world.talk().await;
    inject(&world, 1, FaultKind::Latency(std::time::Duration::ZERO));
    inject(&world, 1, FaultKind::RateLimited { retry_after_s: Some(600) });
    let (thread, events) = talk.create(super::LEAD).await;
    assert!(may_retry(events.last().unwrap()), "{events:?}");
    let kept = talk.reload(&thread).await;
    assert_eq!(kinds(&kept), ["user_message", "widget"], "what was done is done");
    let again = talk.events(&retry(&thread, kept[0]["id"].as_str().unwrap())).await;
    assert!(said(&done(&again)).starts_with("Thank you, Ann"), "{again:?}");
    world.lines_when("leads", 1).await;
    world.all_written().await;
    assert_eq!((world.lines("contacts").len(), world.lines("leads").len()), (1, 1), "and done once");
}
