//! Who runs the chat: what the client can take decides, and what the workflow has.

use std::collections::BTreeSet;

use jiff::Timestamp;
use sandbox::Provider;
use serde_json::{Value, json};

use super::answer::{Answer, DEVICE, REFRESH};
use crate::world::{HOSTED, World};

/// A client that reads nothing but `client_secret`.
fn old() -> Value {
    json!({"deviceId": DEVICE})
}

/// A client that says what it can take.
fn with(modes: &[&str]) -> Value {
    json!({"deviceId": DEVICE, "modes": modes})
}

fn asks_openai(world: &World) -> usize {
    world.sandbox().requests().iter().filter(|asked| asked.provider == Provider::OpenAi).count()
}

/// Checks that this is a whole session of ours.
#[track_caller]
fn is_our_own(world: &World, session: &Value) {
    assert_eq!((&session["mode"], &session["workflow"]), (&json!("self_hosted"), &json!("lead-concierge")));
    assert!(session["client_secret"].as_str().unwrap().starts_with("fd1.c."), "{session}");
    assert_eq!(session["url"], world.url("/chatkit"), "{session}");
    assert_eq!(session["domain_key"], "local-development");
    let left = session["expires_at"].as_i64().unwrap() - Timestamp::now().as_second();
    assert!((590..=600).contains(&left), "{left} seconds are left");
    assert!(!session["start_screen"]["greeting"].as_str().unwrap().is_empty());
    assert!(session["start_screen"]["prompts"][0]["prompt"].is_string(), "{session}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_old_client_is_hosted_where_that_is_possible() {
    let world = World::hosted().await;
    let session = world.session(&old()).await.ok();
    assert_eq!(session["mode"], "hosted");
    assert!(session["client_secret"].as_str().unwrap().starts_with("ek_"), "{session}");
    for member in ["url", "domain_key", "notice"] {
        assert!(session.get(member).is_none(), "{member} in {session}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_old_client_is_told_what_to_change_where_it_is_not() {
    let world = World::start().await;
    let session = world.session(&old()).await.ok();
    is_our_own(&world, &session);
    assert!(session["notice"].as_str().unwrap().contains("component"), "{session}");
    let members: BTreeSet<&str> = session.as_object().unwrap().keys().map(String::as_str).collect();
    let whole = [
        "client_secret",
        "domain_key",
        "expires_at",
        "mode",
        "notice",
        "start_screen",
        "url",
        "visitor_token",
        "workflow",
    ];
    assert_eq!(members, whole.into());
    assert_eq!(asks_openai(&world), 0, "nobody is asked for a secret of ours");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_client_says_what_it_likes_best() {
    let settings =
        [HOSTED, ("CHATKIT_DOMAIN_KEY", "domain_pk_1"), ("PUBLIC_BASE_URL", "https://desk.example.com")];
    let world = World::with(&settings).await;
    for (modes, mode) in [
        (["self_hosted", "hosted"].as_slice(), "self_hosted"),
        (&["hosted", "self_hosted"], "hosted"),
        (&["self_hosted"], "self_hosted"),
        (&["hosted"], "hosted"),
        (&["telepathy", "self_hosted"], "self_hosted"),
    ] {
        let session = world.session(&with(modes)).await.ok();
        assert_eq!(session["mode"], mode, "{modes:?}");
        assert!(session.get("notice").is_none(), "{modes:?}: {session}");
        if mode == "self_hosted" {
            assert_eq!(session["url"], "https://desk.example.com/chatkit");
            assert_eq!(session["domain_key"], "domain_pk_1");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_workflow_cannot_do_is_passed_over() {
    let world = World::start().await;
    let session = world.session(&with(&["hosted", "self_hosted"])).await.ok();
    is_our_own(&world, &session);
    assert!(session.get("notice").is_none(), "{session}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refresh_is_a_new_secret_of_the_same_visitor() {
    let world = World::start().await;
    let first = world.session(&with(&["self_hosted"])).await.ok();
    let mut refresh = with(&["self_hosted"]);
    refresh["currentClientSecret"] = first["client_secret"].clone();
    let second = Answer::of(world.send(REFRESH, refresh.to_string())).await.ok();
    is_our_own(&world, &second);
    assert_ne!(second["client_secret"], first["client_secret"]);
    let threads = |session: &Value| {
        let body = json!({"type": "threads.list", "params": {"limit": 20, "order": "desc"}});
        let secret = session["client_secret"].as_str().unwrap().to_owned();
        Answer::of(world.send("/chatkit", body.to_string()).bearer_auth(secret))
    };
    for session in [&first, &second] {
        assert_eq!(threads(session).await.ok(), json!({"data": [], "has_more": false}));
    }
    assert_eq!(asks_openai(&world), 0);
}
