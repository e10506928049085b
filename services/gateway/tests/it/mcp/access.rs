//! Who may talk to a workflow's tools at all.

use serde_json::json;

use super::{CONCIERGE, OPS, PORTAL, TOKEN, ask, list};
use crate::world::{Answer, OPERATOR, World};

const WORKFLOWS: [&str; 3] = [CONCIERGE, PORTAL, OPS];

#[tokio::test]
async fn a_token_opens_its_own_workflow_and_no_other() {
    let world = World::start().await;
    let tokens = [
        (TOKEN, CONCIERGE),
        ("a-concierges-old-token", CONCIERGE),
        ("a-portals-own-token", PORTAL),
        (OPERATOR, OPS),
        ("a-concierges-toke", ""),
        ("a-concierges-token-", ""),
        ("lead-concierge:a-concierges-token", ""),
        ("", ""),
    ];
    let secret = world.secret();
    for (token, own) in tokens.into_iter().chain([(secret.as_str(), "")]) {
        for workflow in WORKFLOWS {
            let answer = Answer::of(world.message(workflow, &list()).bearer_auth(token)).await;
            if workflow == own {
                assert_eq!(answer.status, 200, "{token} {workflow} {answer:?}");
                continue;
            }
            answer.problem(401, "SECRET_WRONG");
            assert_eq!(answer.header("www-authenticate"), "Bearer");
            assert!(token.is_empty() || !answer.text.contains(token), "{answer:?}");
        }
    }
    let asked: Vec<_> = world.callers().into_iter().map(|caller| caller.workflow).collect();
    assert_eq!(asked, [CONCIERGE, CONCIERGE, PORTAL, OPS], "nothing else went inward");
}

#[tokio::test]
async fn a_bearer_is_asked_for_wherever_there_is_a_token() {
    let world = World::start().await;
    for workflow in WORKFLOWS {
        Answer::of(world.message(workflow, &list())).await.problem(401, "SECRET_WRONG");
        let basic = world.message(workflow, &list()).header("authorization", format!("Basic {TOKEN}"));
        Answer::of(basic).await.problem(401, "SECRET_WRONG");
        let two = world.message(workflow, &list()).bearer_auth(TOKEN).bearer_auth(OPERATOR);
        Answer::of(two).await.problem(401, "SECRET_WRONG");
    }
    assert!(world.callers().is_empty());
}

#[tokio::test]
async fn without_tokens_a_local_run_serves_this_machine_alone() {
    let dir = tempfile::tempdir().unwrap();
    let own = dir.path().display().to_string();
    let world =
        World::with(&[("MCP_TOKENS", ""), ("FRONTDESK_DIR", &own), ("TRUSTED_PROXY_HOPS", "1")]).await;
    let kept = std::fs::read_to_string(dir.path().join("mcp-tokens")).unwrap();
    let made = kept.split(',').find_map(|entry| entry.strip_prefix("lead-concierge:")).unwrap();
    for workflow in [CONCIERGE, PORTAL] {
        let here = Answer::of(world.message(workflow, &list())).await;
        assert_eq!(here.status, 200, "{here:?}");
        let afar = || world.message(workflow, &list()).header("x-forwarded-for", "203.0.113.7");
        Answer::of(afar()).await.problem(403, "LOOPBACK_ONLY");
        Answer::of(world.message(workflow, &list()).bearer_auth(TOKEN)).await.problem(401, "SECRET_WRONG");
        let shown = Answer::of(afar().bearer_auth(made)).await;
        assert_eq!(
            shown.status,
            if workflow == CONCIERGE { 200 } else { 401 },
            "the token that was made opens its own"
        );
    }
    Answer::of(world.message(OPS, &list())).await.problem(401, "SECRET_WRONG");
    let public =
        [("MCP_TOKENS", ""), ("FRONTDESK_DIR", &own), ("PUBLIC_BASE_URL", "https://chat.example.com")];
    let reached = World::with(&public).await;
    let silent = reached.message(CONCIERGE, &list()).header("host", "chat.example.com");
    Answer::of(silent).await.problem(403, "LOOPBACK_ONLY");
    assert_eq!(Answer::of(reached.message(CONCIERGE, &list()).bearer_auth(made)).await.status, 200);
}

#[tokio::test]
async fn in_the_cloud_a_workflow_without_a_token_is_not_there() {
    let cloud = [
        ("K_SERVICE", "gateway"),
        ("ALLOWED_ORIGINS", "https://www.example.com"),
        ("PUBLIC_BASE_URL", "https://chat.example.com"),
        ("TRUSTED_PROXY_HOPS", "0"),
    ];
    let with = |more: &'static [(&str, &str)]| [&cloud[..], more].concat();
    let world =
        World::with(&with(&[("MCP_TOKENS", "lead-concierge:a-concierges-token"), ("OPERATOR_TOKEN", "")]))
            .await;
    let to = |workflow: &str| world.message(workflow, &list()).header("host", "chat.example.com");
    assert_eq!(Answer::of(to(CONCIERGE).bearer_auth(TOKEN)).await.status, 200);
    Answer::of(to(CONCIERGE)).await.problem(401, "SECRET_WRONG");
    for workflow in [PORTAL, OPS, "nothing"] {
        for request in [to(workflow), to(workflow).bearer_auth(TOKEN)] {
            Answer::of(request).await.problem(404, "ROUTE_UNKNOWN");
        }
    }
    let none = World::with(&with(&[("MCP_TOKENS", ""), ("OPERATOR_TOKEN", "")])).await;
    for workflow in WORKFLOWS {
        let request = none.message(workflow, &list()).header("host", "chat.example.com").bearer_auth(TOKEN);
        Answer::of(request).await.problem(404, "ROUTE_UNKNOWN");
    }
    assert!(none.get("/openapi.json").await.json()["paths"]["/mcp/{workflow}"].is_null());
}

#[tokio::test]
async fn in_the_cloud_the_operators_tools_need_a_public_name() {
    let cloud = [
        ("K_SERVICE", "gateway"),
        ("ALLOWED_ORIGINS", "https://www.example.com"),
        ("MCP_TOKENS", ""),
        ("TRUSTED_PROXY_HOPS", "0"),
    ];
    let nameless = World::with(&cloud).await;
    for host in ["chat.example.com", "localhost"] {
        let request = nameless.message(OPS, &list()).header("host", host).bearer_auth(OPERATOR);
        Answer::of(request).await.problem(404, "ROUTE_UNKNOWN");
    }
    assert!(nameless.get("/openapi.json").await.json()["paths"]["/mcp/{workflow}"].is_null());
    let books = nameless.request(reqwest::Method::GET, "/api/operator/rows/leads").bearer_auth(OPERATOR);
    assert_eq!(Answer::of(books).await.status, 200, "the books have no need of one");
    let named = World::with(&[&cloud[..], &[("PUBLIC_BASE_URL", "https://chat.example.com")]].concat()).await;
    let request = named.message(OPS, &list()).header("host", "chat.example.com").bearer_auth(OPERATOR);
    assert_eq!(Answer::of(request).await.status, 200);
}

#[tokio::test]
async fn nothing_is_read_before_the_bearer() {
    let world = World::start().await;
    let large = ask(1, "tools/list", json!({"pad": "x".repeat(300 << 10)}));
    Answer::of(world.message(CONCIERGE, &large)).await.problem(401, "SECRET_WRONG");
    Answer::of(world.message(CONCIERGE, &json!([]))).await.problem(401, "SECRET_WRONG");
    Answer::of(world.say(&large)).await.problem(413, "TOO_LARGE");
}
