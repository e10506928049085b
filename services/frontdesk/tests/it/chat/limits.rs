//! How fast one visitor may talk: a refusal says when to come back, and hits nobody else.

use serde_json::json;

use super::talk::{add, create, request};
use crate::world::World;

#[tokio::test(flavor = "multi_thread")]
async fn who_talks_too_fast_is_told_when_to_come_back() {
    let world = World::with(&[("LIMIT_CHAT", "1/m:2")]).await;
    let talk = world.talk().await;
    let (thread, _) = talk.create("Hello!").await;
    talk.say(&thread, "Hello again!").await;
    for body in [add(&thread, "And again!"), create("And elsewhere!")] {
        let refused = talk.answer(&body).await;
        refused.problem(429, "RATE_LIMITED");
        let number = |name: &str| {
            refused.header(name).parse::<u64>().unwrap_or_else(|_| panic!("{name}: {refused:?}"))
        };
        assert!((1..=60).contains(&number("retry-after")), "{refused:?}");
        assert!(number("ratelimit-limit") > 0, "{refused:?}");
        assert_eq!(number("ratelimit-remaining"), 0);
        assert!((1..=120).contains(&number("ratelimit-reset")), "{refused:?}");
    }
    let items = talk.reload(&thread).await;
    assert_eq!(items.len(), 4, "what is refused is not kept, and reading goes on: {items:?}");
    let threads = talk.whole(&request("threads.list", json!({"limit": 20, "order": "desc"}))).await;
    assert_eq!(threads["data"].as_array().unwrap().len(), 1);
    world.talk().await.create("Hello!").await;
}
