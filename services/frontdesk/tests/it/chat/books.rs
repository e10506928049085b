//! A conversation that ends in a lead: it is answered from what is known, kept, and in the books once.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::{
    LEAD,
    talk::{Events, add, done, heard, kinds, request, said, text},
};
use crate::world::World;

/// How many lines stand in contacts, leads, engagements and chat_events; none of them twice.
fn counts(world: &World) -> [usize; 4] {
    ["contacts", "leads", "engagements", "chat_events"].map(|tab| {
        let lines = world.lines(tab);
        let ids: BTreeSet<String> = lines.iter().map(|line| line["id"].to_string()).collect();
        assert_eq!(ids.len(), lines.len(), "a line of {tab} stands twice: {lines:?}");
        lines.len()
    })
}

fn members<'v>(value: &'v Value, names: &[&str]) -> Vec<&'v str> {
    names.iter().map(|name| value[*name].as_str().unwrap_or_default()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_question_and_an_address_become_a_lead() {
    let world = World::talkative().await;
    let talk = world.talk().await;
    let (thread, first) = talk.create("What does it cost?").await;
    let types: Vec<&str> = first.iter().map(|event| event["type"].as_str().unwrap()).collect();
    assert_eq!(types[..3], ["thread.created", "thread.item.done", "stream_options"]);
    assert!(types.contains(&"progress_update"), "{types:?}");
    let [asked, answered] = &done(&first)[..] else { panic!("{first:?}") };
    assert_eq!(text(asked), "What does it cost?");
    assert_eq!(heard(&first), text(answered), "what is done is what was heard");
    let answer = text(answered);
    assert!(
        answer.contains("490.00 EUR") && answer.contains("pricing-faq.md"),
        "from what we know: {answer}"
    );

    let second = talk.say(&thread, LEAD).await;
    let [_, receipt, thanks] = &done(&second)[..] else { panic!("{second:?}") };
    let copy = receipt["copy_text"].as_str().unwrap();
    assert!(copy.contains("Ann Example") && copy.contains("ann@example.com"), "{receipt}");
    assert!(text(thanks).starts_with("Thank you, Ann"), "{thanks}");

    world.lines_when("chat_events", 5).await;
    world.all_written().await;
    // two turns, their answers, and the outcome
    assert_eq!(counts(&world), [1, 1, 3, 5]);
    let contact = world.lines("contacts").remove(0);
    let names = ["email", "first_name", "last_name", "utm_source"];
    assert_eq!(members(&contact, &names), ["ann@example.com", "Ann", "Example", "yt"]);
    let lead = world.lines("leads").remove(0);
    assert_eq!(lead["contact_id"], contact["id"]);
    assert_eq!(members(&lead, &["intent", "budget_range"]), ["buy_inquiry", "5000 EUR"]);
    assert!(copy.contains(lead["id"].as_str().unwrap()), "the receipt names the lead: {copy}");
    let engagements = world.lines("engagements");
    let outcomes: Vec<&Value> =
        engagements.iter().map(|line| &line["outcome"]).filter(|line| !line.is_null()).collect();
    assert_eq!(outcomes, [&json!("qualified")]);
    let messages: BTreeSet<&str> = engagements.iter().filter_map(|line| line["message"].as_str()).collect();
    assert!(messages.contains("What does it cost?") && messages.contains(LEAD), "{messages:?}");
    for line in &engagements {
        assert_eq!(members(line, &["channel", "workflow_id"]), ["chat", "lead-concierge"]);
    }

    let kept = talk.reload(&thread).await;
    assert_eq!(
        kinds(&kept),
        ["user_message", "assistant_message", "user_message", "widget", "assistant_message"]
    );
    assert_eq!(kept, [done(&first), done(&second)].concat(), "a reload shows what was told");
    let mine = talk.whole(&request("threads.list", json!({"limit": 20, "order": "desc"}))).await;
    assert_eq!(mine["data"].as_array().unwrap().len(), 1);
    assert_eq!(members(&mine["data"][0], &["id", "title"]), [thread.as_str(), "What does it cost?"]);

    let world = World::open(world.stop().await, &[("LIMIT_CHAT", "off")]).await;
    let talk = talk.at(&world);
    assert_eq!(talk.reload(&thread).await, kept, "the next process has it, too");
    assert!(said(&done(&talk.say(&thread, "I want to buy").await)).starts_with("Thank you"));
    world.lines_when("chat_events", 7).await;
    world.all_written().await;
    assert_eq!(counts(&world)[..2], [1, 1], "one who comes back is no new lead");
}

/// A request that the browser sends again because it does not know whether it arrived.
#[tokio::test(flavor = "multi_thread")]
async fn a_repeated_request_makes_no_second_lead() {
    let world = World::talkative().await;
    let talk = world.talk().await;
    let (thread, _) = talk.create("Hello!").await;
    for _ in 0..2 {
        let again = talk.request(&add(&thread, LEAD)).header("x-request-id", "req_of_the_browser");
        let events = Events::of(again).await.rest().await;
        assert!(said(&done(&events)).starts_with("Thank you"), "{events:?}");
    }
    world.lines_when("leads", 1).await;
    world.lines_when("chat_events", 3).await;
    world.all_written().await;
    assert_eq!(counts(&world)[..2], [1, 1]);
    let outcomes = world.lines("chat_events").iter().filter(|line| line["type"] == "chat.outcome").count();
    assert_eq!(outcomes, 1);
}

/// Everything that a page of a thread's items can be cut into adds up to the thread.
#[tokio::test(flavor = "multi_thread")]
async fn pages_add_up_whatever_is_hidden_between() {
    let world = World::talkative().await;
    let talk = world.talk().await;
    let (thread, _) = talk.create("What does it cost?").await;
    for text in ["please lie", LEAD, "How does onboarding work?"] {
        talk.say(&thread, text).await;
    }
    let all = talk.reload(&thread).await;
    for (order, limit) in [("asc", 1), ("asc", 3), ("desc", 2)] {
        let mut found = Vec::new();
        let mut after = Value::Null;
        loop {
            let mut params = json!({"thread_id": thread, "limit": limit, "order": order});
            if !after.is_null() {
                params["after"] = after;
            }
            let page = talk.whole(&request("items.list", params)).await;
            let data = page["data"].as_array().unwrap();
            found.extend(data.iter().cloned());
            if page["has_more"] == false {
                break;
            }
            assert_eq!(data.len(), limit, "a page with more behind it is full");
            after = page["after"].clone();
        }
        if order == "desc" {
            found.reverse();
        }
        assert_eq!(found, all, "{order} {limit}");
    }
}
