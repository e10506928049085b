//! By which names, and from which pages, the tools are called.

use super::{CONCIERGE, TOKEN, list};
use crate::world::{Answer, World};

#[tokio::test]
async fn a_name_that_is_not_ours_is_refused() {
    let world = World::with(&[("PUBLIC_BASE_URL", "https://chat.example.com")]).await;
    let named = async |host: &str| Answer::of(world.say(&list()).header("host", host)).await;
    for good in ["chat.example.com", "localhost:1", "127.0.0.1", "[::1]:8080"] {
        assert_eq!(named(good).await.status, 200, "{good}");
    }
    for bad in
        ["evil.example", "chat.example.com.evil.example", "localhost.evil.example", "chat.example.com:81"]
    {
        assert!(named(bad).await.problem(403, "HOST_NOT_ALLOWED").contains("PUBLIC_BASE_URL"), "{bad}");
    }
    assert_eq!(world.callers().len(), 4);
}

#[tokio::test]
async fn a_strangers_page_that_has_its_name_resolved_to_this_machine_gets_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let own = dir.path().display().to_string();
    let world = World::with(&[("MCP_TOKENS", ""), ("FRONTDESK_DIR", &own)]).await;
    let rebound = world.message(CONCIERGE, &list()).header("host", "evil.example:8080");
    Answer::of(rebound).await.problem(403, "HOST_NOT_ALLOWED");
    let page = world.message(CONCIERGE, &list()).header("origin", "http://evil.example:8080");
    Answer::of(page).await.problem(403, "ORIGIN_NOT_ALLOWED");
    let both = world.message(CONCIERGE, &list()).header("origin", "http://evil.example:8080");
    Answer::of(both.header("host", "evil.example:8080")).await.problem(403, "HOST_NOT_ALLOWED");
    assert!(world.callers().is_empty());
}

#[tokio::test]
async fn pages_keep_to_their_origins() {
    let world = World::start().await;
    let from = |origin: &str| world.message(CONCIERGE, &list()).bearer_auth(TOKEN).header("origin", origin);
    Answer::of(from("https://evil.example")).await.problem(403, "ORIGIN_NOT_ALLOWED");
    let own = Answer::of(from("http://localhost:3000")).await;
    assert_eq!(
        (own.status, own.header("access-control-allow-origin").as_str()),
        (200, "http://localhost:3000")
    );
}
