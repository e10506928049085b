//! Which pages may talk to the gateway.

use reqwest::{Method, RequestBuilder};

use crate::world::{Answer, CHAT, EVENTS, PANIC, SESSION, World};

const GOOD: &str = "https://www.example.com";
const EVIL: &str = "https://www.example.com.evil.test";

async fn world() -> World {
    World::with(&[("ALLOWED_ORIGINS", "https://*.example.com, https://other.test")]).await
}

fn preflight(world: &World, path: &str, origin: &str) -> RequestBuilder {
    world
        .request(Method::OPTIONS, path)
        .header("origin", origin)
        .header("access-control-request-method", "POST")
        .header("access-control-request-headers", "authorization,content-type,x-frontdesk-visitor")
}

#[track_caller]
fn assert_closed(answer: &Answer) {
    assert_eq!(answer.header("access-control-allow-origin"), "", "{answer:?}");
    assert_eq!(answer.header("access-control-allow-credentials"), "");
    assert!(answer.header("vary").contains("Origin"), "{answer:?}");
}

#[track_caller]
fn assert_open(answer: &Answer, origin: &str) {
    assert_eq!(answer.header("access-control-allow-origin"), origin, "{answer:?}");
    assert_eq!(answer.header("access-control-allow-credentials"), "");
    assert!(answer.header("vary").contains("Origin"), "{answer:?}");
}

#[tokio::test]
async fn an_allowed_page_may_ask_first() {
    let world = world().await;
    for origin in [GOOD, "https://other.test", world.base.as_str()] {
        for path in [SESSION, CHAT] {
            let answer = Answer::of(preflight(&world, path, origin)).await;
            assert_eq!((answer.status, answer.text.as_str()), (204, ""));
            assert_open(&answer, origin);
            assert!(answer.header("access-control-allow-methods").contains("POST"));
            let headers = answer.header("access-control-allow-headers");
            for name in
                ["content-type", "x-frontdesk-visitor", "x-request-id", "traceparent", "authorization"]
            {
                assert!(headers.contains(name), "{name}");
            }
            assert!(!headers.contains("whop"), "a token is Whop's proxy's to add, no page's: {headers}");
            assert_eq!(answer.header("access-control-max-age"), "600");
        }
    }
}

#[tokio::test]
async fn an_allowed_page_reads_answers_and_problems() {
    let world = world().await;
    for (body, status) in [("{}", 200), ("[]", 400)] {
        let answer = Answer::of(world.post(SESSION, body).header("origin", GOOD)).await;
        assert_eq!(answer.status, status);
        assert_open(&answer, GOOD);
        let exposed = answer.header("access-control-expose-headers");
        for name in
            ["x-request-id", "retry-after", "ratelimit-limit", "ratelimit-remaining", "ratelimit-reset"]
        {
            assert!(exposed.contains(name), "{name}");
        }
    }
    for path in ["/api/nothing", PANIC, "/health"] {
        let answer = Answer::of(world.request(Method::GET, path).header("origin", GOOD)).await;
        assert_open(&answer, GOOD);
    }
    assert_eq!(world.backend.notes().creates[0].caller.as_ref().unwrap().site, "www.example.com");
}

#[tokio::test]
async fn a_foreign_page_is_refused() {
    let world = world().await;
    for origin in
        [EVIL, "null", "http://www.example.com", "https://example.com", "http://localhost:3000", "garbage"]
    {
        for request in [
            preflight(&world, SESSION, origin),
            preflight(&world, CHAT, origin),
            world.post(SESSION, "{}").header("origin", origin),
            world.talk("{}").header("origin", origin),
        ] {
            let answer = Answer::of(request).await;
            answer.problem(403, "ORIGIN_NOT_ALLOWED");
            assert_closed(&answer);
        }
    }
    let two = world.post(SESSION, "{}").header("origin", GOOD).header("origin", EVIL);
    Answer::of(two).await.problem(403, "ORIGIN_NOT_ALLOWED");
    assert!(world.backend.notes().creates.is_empty() && world.backend.notes().talks.is_empty());
    let health = Answer::of(world.request(Method::GET, "/health").header("origin", EVIL)).await;
    assert_eq!(health.status, 200);
    assert_closed(&health);
}

#[tokio::test]
async fn what_is_no_page_is_let_through() {
    let world = world().await;
    let answer = world.session("{}").await;
    assert_eq!(answer.status, 200);
    assert_closed(&answer);
    for path in ["/", "/health", "/docs", "/openapi.json", "/nothing"] {
        assert_closed(&world.get(path).await);
    }
}

#[tokio::test]
async fn webhooks_know_no_origins() {
    let world = world().await;
    for origin in [GOOD, EVIL] {
        let answer = Answer::of(world.post(EVENTS, "{}").header("origin", origin)).await;
        assert_eq!(answer.status, 202);
        assert_closed(&answer);
        let asked = Answer::of(preflight(&world, EVENTS, origin)).await;
        asked.problem(405, "METHOD_NOT_ALLOWED");
        assert_closed(&asked);
    }
}

#[tokio::test]
async fn our_own_page_is_known_behind_a_proxy_that_keeps_its_name_to_itself() {
    let world = world().await;
    let through = |site: &'static str| {
        let origin = "https://a1b2.apps.whop.com";
        world.post(SESSION, "{}").header("origin", origin).header("sec-fetch-site", site)
    };
    let own = Answer::of(through("same-origin")).await;
    assert_eq!(own.status, 200, "{own:?}");
    for other in ["same-site", "cross-site", "none", ""] {
        Answer::of(through(other)).await.problem(403, "ORIGIN_NOT_ALLOWED");
    }
    let opaque = world.post(SESSION, "{}").header("origin", "null").header("sec-fetch-site", "same-origin");
    Answer::of(opaque).await.problem(403, "ORIGIN_NOT_ALLOWED");
}

#[tokio::test]
async fn our_own_pages_are_known_by_the_public_address_too() {
    let world = World::with(&[
        ("ALLOWED_ORIGINS", "https://other.test"),
        ("PUBLIC_BASE_URL", "https://chat.example.org/"),
    ])
    .await;
    let answer = Answer::of(world.post(SESSION, "{}").header("origin", "https://chat.example.org")).await;
    assert_open(&answer, "https://chat.example.org");
    let elsewhere = world.post(SESSION, "{}").header("origin", "http://127.0.0.1:1");
    Answer::of(elsewhere).await.problem(403, "ORIGIN_NOT_ALLOWED");
}
