//! `frontdesk mcp connect`: what it prints works, and nobody else learns a token.

use domain::token::{Keys, Purpose};
use jiff::Timestamp;
use serde_json::{Value, json};

use super::{Ran, run};
use crate::world::World;

async fn ask(world: &World, vars: &[(&str, &str)], args: &[&str]) -> Ran {
    let dir = world.dir.path().display().to_string();
    let vars: Vec<_> = [("FRONTDESK_DIR", dir.as_str())].into_iter().chain(vars.iter().copied()).collect();
    run(world.dir.path(), &vars, &[&["mcp", "connect"], args].concat()).await
}

fn kept(world: &World, name: &str) -> String {
    std::fs::read_to_string(world.dir.path().join(name)).unwrap().trim().to_owned()
}

/// What the tools are called, by the headers of a client's settings.
async fn listed(settings: &Value) -> Value {
    let headers = settings["headers"].as_object().unwrap();
    let request = chassis::http::client().post(settings["url"].as_str().unwrap());
    let request = request.json(&json!({"jsonrpc": "2.0", "id": 1, "method": "tools/list"}));
    let request =
        headers.iter().fold(request, |request, (name, value)| request.header(name, value.as_str().unwrap()));
    let answer: Value = request.send().await.unwrap().json().await.unwrap();
    let tools = answer["result"]["tools"].as_array().unwrap_or_else(|| panic!("{answer}"));
    tools.iter().map(|tool| tool["name"].clone()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_printed_calls_the_tools_for_a_test_visitor() {
    let world = World::start().await;
    world.sandbox().club().join("user_mara", "plan_growthmonthly").unwrap();
    let keys: Keys = kept(&world, "token-keys").parse().unwrap();
    for (workflow, user) in [("lead-concierge", None), ("client-portal", Some("user_mara"))] {
        let told = ask(&world, &[], &["--workflow", workflow, "--json"]).await.json(0);
        let bearer = told["bearer"].as_str().unwrap();
        assert!(kept(&world, "mcp-tokens").contains(&format!("{workflow}:{bearer}")));
        let session = told["session_token"].as_str().unwrap();
        let claims = keys.open(Purpose::ToolSession, session, Timestamp::now()).unwrap();
        assert_eq!(claims.workflow.as_deref(), Some(workflow));
        assert_eq!(claims.whop_user.as_deref(), user);
        let again = ask(&world, &[], &["--workflow", workflow, "--json"]).await.json(0);
        let again =
            keys.open(Purpose::ToolSession, again["session_token"].as_str().unwrap(), Timestamp::now());
        assert_ne!(again.unwrap().session_id, claims.session_id, "every test has a session of its own");
        let cursor: Value = serde_json::from_str(told["clients"]["cursor"].as_str().unwrap()).unwrap();
        let settings = &cursor["mcpServers"][format!("frontdesk-{workflow}")];
        assert_eq!(listed(settings).await, told["tools"], "{told}");
        assert!(told["tools"].as_array().unwrap().contains(&json!("log_outcome")), "{told}");
        let clients: Vec<_> = told["clients"].as_object().unwrap().keys().collect();
        assert_eq!(clients.len(), 7, "{clients:?}");
    }
    let words = ask(&world, &[], &[]).await;
    assert_eq!((words.code, words.err.as_str()), (0, ""));
    for title in ["Claude Code", "Claude Desktop", "Cursor", "VS Code", "Responses API", "Agents SDK", "n8n"]
    {
        assert!(
            words.out.contains(&format!("── {title}")) || words.out.contains(title),
            "{title}: {}",
            words.out
        );
    }
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_operators_tools_need_nobodys_session() {
    let world = World::start().await;
    let told = ask(&world, &[], &["--workflow", "ops-copilot", "--json"]).await.json(0);
    assert_eq!(told["bearer"], kept(&world, "operator-token").as_str());
    assert_eq!(told["session_token"], Value::Null);
    let nobody = ask(&world, &[], &["--without-session", "--json"]).await.json(0);
    assert_eq!(nobody["session_token"], Value::Null);
    assert!(!nobody["tools"].as_array().unwrap().contains(&json!("log_outcome")), "{nobody}");
    let public = [("PUBLIC_BASE_URL", "https://chat.example.com/")];
    let told = ask(&world, &public, &["--json"]).await.json(0);
    assert_eq!(told["url"], "https://chat.example.com/mcp/lead-concierge", "clients come from outside");
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_connected_is_said_without_a_token() {
    let world = World::start().await;
    let own = kept(&world, "mcp-tokens");
    let base = world.url("");
    let unknown = ask(&world, &[], &["--workflow", "nothing"]).await;
    assert_eq!(unknown.failure(64), "frontdesk: MCP_TOKENS has no token of nothing");
    let named = [("MCP_TOKENS", "nothing:canary-canary-canary,lead-concierge:canary-canary-canary")];
    for workflow in ["nothing", "lead-concierge"] {
        let wrong = ask(&world, &named, &["--workflow", workflow]).await;
        let said = wrong.failure(1);
        assert!(said.contains("token is missing or wrong") && !said.contains("canary"), "{said}");
    }
    let unread = ask(&world, &[("MCP_TOKENS", "canary")], &[]).await;
    assert_eq!(unread.failure(64), "frontdesk: MCP_TOKENS entry 1 must be WORKFLOW:TOKEN");
    let elsewhere = ask(&world, &[], &["--url", &base]).await;
    let said = elsewhere.failure(64);
    assert_eq!(
        said, "frontdesk: MCP_TOKENS is needed, the gateway's own",
        "what is made here goes nowhere else"
    );
    let there = ask(&world, &[("MCP_TOKENS", &own)], &["--url", &base, "--json"]).await.json(0);
    assert_eq!(there["url"], format!("{base}/mcp/lead-concierge"));
    world.stop().await;

    let dir = tempfile::tempdir().unwrap();
    let nobody = run(dir.path(), &[], &["mcp", "connect"]).await;
    assert_eq!(
        nobody.failure(69),
        "frontdesk: no system runs here; start `frontdesk`, or name a gateway with --url"
    );
    let away = run(dir.path(), &[("MCP_TOKENS", &own)], &["mcp", "connect", "--url", &base]).await;
    assert_eq!(away.failure(69), "frontdesk: the gateway at 127.0.0.1 does not answer: no connection");
}
