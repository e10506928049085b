//! The model says what is not so: it does not stand alone in the thread, and nothing of it is in the books.

use sandbox::{Output, Scripted};
use serde_json::json;

use super::talk::{create, done, kinds, said, text, thread_of};
use crate::{chat::talk::Events, world::World};

async fn nothing_is_saved(world: &World, turns: usize) {
    world.lines_when("engagements", turns).await;
    world.all_written().await;
    assert_eq!((world.lines("contacts").len(), world.lines("leads").len()), (0, 0));
    assert_eq!(world.lines("engagements").len(), turns);
    assert!(world.lines("engagements").iter().all(|line| line["outcome"].is_null()));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lie_is_corrected_and_nothing_is_saved() {
    let world = World::talkative().await;
    let talk = world.talk().await;
    let (thread, events) = talk.create("please lie").await;
    let kept = talk.reload(&thread).await;
    assert_eq!(kinds(&kept), ["user_message", "assistant_message", "assistant_message"]);
    assert_eq!(kept, done(&events));
    assert!(text(&kept[1]).contains("I have saved your details"), "{kept:?}");
    assert!(text(&kept[2]).contains("nothing has been saved"), "{kept:?}");
    nothing_is_saved(&world, 1).await;

    talk.say(&thread, "How does onboarding work?").await;
    let asked = world.sandbox().requests();
    let told = asked.iter().rev().find(|asked| asked.path.ends_with("/responses")).unwrap().body.to_string();
    assert!(told.contains("claimed an effect without a successful call"), "the model is told: {told}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failed_call_is_no_reason_to_claim_success() {
    let world = World::talkative().await;
    let talk = world.talk().await;
    world.sandbox().script(vec![
        Scripted::calls(&[("save_lead", json!({"email": "nowhere"}))]),
        Scripted::Answer(vec![Output::words("Thanks! I have saved your details.")]),
    ]);
    let (_, events) = talk.create("Hello!").await;
    let items = done(&events);
    assert_eq!(kinds(&items), ["user_message", "assistant_message", "assistant_message"], "and no receipt");
    assert!(said(&items).contains("nothing has been saved"), "{items:?}");
    assert_eq!(world.sandbox().unplayed(), 0);
    nothing_is_saved(&world, 1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_german_lie_is_corrected_in_german() {
    let world = World::talkative().await;
    let talk = world.talk().await;
    world.sandbox().script(vec![Scripted::words("Gern! Ich habe Ihre Daten gespeichert.")]);
    let asked = talk.request(&create("Hallo!")).header("accept-language", "de-DE,de;q=0.9");
    let events = Events::of(asked).await.rest().await;
    thread_of(&events[0]);
    assert!(said(&done(&events)).contains("es wurde noch nichts gespeichert"), "{events:?}");
    nothing_is_saved(&world, 1).await;
}
