//! The process leaves in the middle of an answer.

use std::time::Duration;

use sandbox::Scripted;

use super::talk::{create, heard, is_delta, kinds, may_retry, retry, text, thread_of};
use crate::world::World;

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_that_is_open_when_the_process_leaves_ends_with_an_error() {
    let story: String = (0..400).map(|number| format!("{number} ")).collect();
    let world = World::talkative().await;
    let talk = world.talk().await;
    world.sandbox().script(vec![Scripted::words(&story)]);
    world.sandbox().set_pace(Duration::from_millis(100));
    let mut stream = talk.stream(&create("Count for me")).await;
    let mut read = stream.until(is_delta).await;
    let (dir, rest) = tokio::join!(world.stop(), stream.rest());
    read.extend(rest);
    let thread = thread_of(&read[0]);
    assert!(may_retry(read.last().unwrap()), "{:?}", read.last());
    assert_eq!(read.iter().filter(|event| event["type"] == "error").count(), 1);

    let world = World::open(dir, &[("LIMIT_CHAT", "off")]).await;
    let talk = talk.at(&world);
    let kept = talk.reload(&thread).await;
    assert_eq!(kinds(&kept), ["user_message", "assistant_message"]);
    let part = text(&kept[1]);
    assert!(part.starts_with(&heard(&read)), "what was heard is kept: {part:?}");
    assert!(story.starts_with(&part) && part != story, "{part:?}");
    talk.events(&retry(&thread, kept[0]["id"].as_str().unwrap())).await;
    let answered = talk.reload(&thread).await;
    assert_eq!(kinds(&answered), ["user_message", "assistant_message"]);
    assert_ne!(answered[1]["id"], kept[1]["id"], "the half of it is gone");
}
