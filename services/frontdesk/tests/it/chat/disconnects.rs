//! Visitors who hang up in the middle: the text stops and is kept as far as it came, every effect happens once.

use std::{
    collections::BTreeSet,
    time::{Duration, Instant},
};

use sandbox::{Fault, FaultKind, Provider, Scripted};
use serde_json::Value;

use super::{
    LEAD,
    talk::{Talk, add, create, done, heard, is_delta, kinds, said, text, thread_of},
};
use crate::world::{PATIENCE, World};

/// Long enough that nobody who reads of it hangs up near its end.
fn story() -> String {
    (1..=80).map(|number| format!("{number} ")).collect()
}

fn slow(world: &World, answers: u32) {
    world.sandbox().inject(Fault {
        provider: Provider::OpenAi,
        path: None,
        count: answers,
        kind: FaultKind::SlowStream { per_event: Duration::from_millis(8) },
    });
}

/// Reads so many events, then hangs up.
async fn hang_up_after(talk: &Talk, body: &Value, events: usize) -> Vec<Value> {
    let mut stream = talk.stream(body).await;
    let mut read = Vec::new();
    while read.len() < events {
        match stream.next().await {
            Some(event) => read.push(event),
            None => break,
        }
    }
    read
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_heard_of_an_answer_is_kept_once() {
    let world = World::talkative().await;
    let talk = world.talk().await;
    for cut in [1, 3, 4, 5, 6, 9, 14, 20] {
        world.sandbox().script(vec![Scripted::words(&story())]);
        slow(&world, 1);
        let read = hang_up_after(&talk, &create("Count for me"), cut).await;
        assert_eq!(read.len(), cut, "nobody hung up: {read:?}");
        let thread = thread_of(&read[0]);
        let next = talk.say(&thread, "Hello!").await;
        assert_eq!(kinds(&done(&next)), ["user_message", "assistant_message"], "cut {cut}: {next:?}");

        let kept = talk.reload(&thread).await;
        let [first, part @ .., second, hello] = &kept[..] else { panic!("cut {cut}: {kept:?}") };
        assert_eq!((text(first), text(second)), ("Count for me".to_owned(), "Hello!".to_owned()));
        assert_eq!(hello["type"], "assistant_message");
        assert!(part.len() <= 1, "cut {cut}: {kept:?}");
        let part = part.first().map(text).unwrap_or_default();
        assert!(part.starts_with(&heard(&read)), "cut {cut}: heard {:?}, kept {part:?}", heard(&read));
        assert!(story().starts_with(&part) && part != story(), "cut {cut}: the text stops: {part:?}");
        // The script is played only if the model was asked before the visitor left.
        world.sandbox().clear_faults();
        while world.sandbox().unplayed() > 0 {
            talk.say(&thread, "Go on").await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reload_shows_what_was_heard_before_anything_else_is_said() {
    let world = World::talkative().await;
    let talk = world.talk().await;
    world.sandbox().script(vec![Scripted::words(&story())]);
    slow(&world, 1);
    let mut stream = talk.stream(&create("Count for me")).await;
    let mut read = stream.until(is_delta).await;
    read.extend(stream.until(is_delta).await);
    drop(stream);
    let thread = thread_of(&read[0]);
    let deadline = Instant::now() + PATIENCE;
    while talk.items(&thread).await.len() < 2 {
        assert!(Instant::now() < deadline, "the part that was heard is never kept");
    }
    let kept = talk.reload(&thread).await;
    assert_eq!(kinds(&kept), ["user_message", "assistant_message"]);
    let part = text(&kept[1]);
    assert!(part.starts_with(&heard(&read)) && story().starts_with(&part) && part != story(), "{part:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_effect_that_began_happens_once_and_has_its_receipt() {
    let world = World::talkative().await;
    let mut saved_by_leavers = 0;
    let mut emails = BTreeSet::new();
    for cut in [1, 2, 3, 4, 5, 6, 8, 12] {
        let talk = world.talk().await;
        slow(&world, 3);
        let (thread, _) = talk.create("Hello!").await;
        let email = format!("ann{cut}@example.com");
        let message = LEAD.replace("ann@example.com", &email);
        let read = hang_up_after(&talk, &add(&thread, &message), cut).await;
        world.sandbox().clear_faults();
        // Whatever became of it, the next message works and asks for the same again.
        let next = talk.say(&thread, "I want to buy").await;
        assert!(said(&done(&next)).contains("Thank you, Ann"), "cut {cut}: {next:?}");
        let kept = talk.reload(&thread).await;
        let messages = kept.iter().filter(|item| item["type"] == "user_message").map(text);
        let messages: Vec<String> = messages.collect();
        assert_eq!(messages, ["Hello!", message.as_str(), "I want to buy"], "cut {cut}");
        let receipts: Vec<&str> = kept.iter().filter_map(|item| item["copy_text"].as_str()).collect();
        assert!((1..=2).contains(&receipts.len()), "cut {cut}: {receipts:?}");
        saved_by_leavers += receipts.len() - 1;
        let told = done(&read).iter().filter(|item| item["type"] == "widget").count();
        assert!(told < receipts.len() || told == 0, "cut {cut}: what was told is kept");
        let references: BTreeSet<&str> = receipts.iter().filter_map(|copy| copy.rsplit(' ').next()).collect();
        assert_eq!(references.len(), 1, "cut {cut}: one lead, not {receipts:?}");

        emails.insert(email);
    }
    world.lines_when("leads", emails.len()).await;
    world.all_written().await;
    assert_eq!(world.lines("leads").len(), emails.len());
    let contacts = world.lines("contacts");
    let found: BTreeSet<_> = contacts.iter().map(|line| line["email"].as_str().unwrap().to_owned()).collect();
    assert_eq!((contacts.len(), found), (emails.len(), emails));
    assert!(saved_by_leavers > 0, "nobody left after a call had begun");
    for tab in ["engagements", "chat_events"] {
        let lines = world.lines(tab);
        let ids: BTreeSet<String> = lines.iter().map(|line| line["id"].to_string()).collect();
        assert_eq!(ids.len(), lines.len(), "a line of {tab} stands twice");
    }
}
