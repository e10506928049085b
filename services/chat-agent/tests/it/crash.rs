//! A process that dies in the middle of a turn.

use std::time::Duration;

use chassis::Drain;

use crate::{
    desk::{Setup, add, create},
    script::text_of,
};

#[tokio::test]
async fn finished_items_are_there_after_a_restart_and_the_thread_goes_on() {
    // a drain of no length drops the turn where it is, as a kill does
    let desk = Setup { drain: Duration::from_millis(1), ..Setup::default() }.start().await;
    let mut stream = desk.send(create("stuck")).await.unwrap();
    let id = stream.next().await.unwrap()["thread"]["id"].as_str().unwrap().to_owned();
    // message, options, receipt, added, part, delta
    stream.take(6).await;
    let (drain, dir) = desk.stop().await;
    assert_eq!(drain, Drain::Cut);
    drop(stream);

    let desk = Setup::default().start_in(dir).await;
    assert!(!desk.record(&id).await.unwrap()["running_since"].is_null(), "it was running when it died");
    let items = desk.reload(&id).await;
    assert_eq!(items.iter().map(text_of).collect::<Vec<_>>(), ["", "Saved"]);

    let events = desk.events(add(&id, "plain")).await;
    assert_eq!(events.last().unwrap()["type"], "thread.item.done");
    assert!(desk.record(&id).await.unwrap()["running_since"].is_null());
    let kinds: Vec<_> = desk.kept(&id).await.iter().map(|item| item["type"].clone()).collect();
    let expected = ["user_message", "widget", "hidden_context_item", "user_message", "assistant_message"];
    assert_eq!(kinds, expected, "the model is told, before the next message");
}
