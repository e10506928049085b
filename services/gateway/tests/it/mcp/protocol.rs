//! What clients of the protocol find, whichever version they speak.

use chassis::status::status;
use domain::{Fault, Kind, Reason};
use proto::chat::v1::ListToolsResponse;
use serde_json::{Value, json};

use super::{CONCIERGE, OPS, TOKEN, ask, list, upstream::tool};
use crate::world::{Answer, OPERATOR, World};

/// Those that begin with a handshake.
const VERSIONS: [&str; 4] = ["2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25"];

fn initialize(version: &str) -> Value {
    let client = json!({"name": "test", "version": "1"});
    ask(0, "initialize", json!({"protocolVersion": version, "capabilities": {}, "clientInfo": client}))
}

#[tokio::test]
async fn every_version_with_a_handshake_is_spoken() {
    let world = World::start().await;
    let mut named = Vec::new();
    for version in VERSIONS {
        let answer = Answer::of(world.say(&initialize(version))).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        assert_eq!(answer.header("content-type"), "application/json");
        assert_eq!(answer.header("cache-control"), "no-store");
        let connection = answer.header("mcp-session-id");
        assert!(
            connection.len() == 43 && !named.contains(&connection),
            "each connection has a name: {connection}"
        );
        named.push(connection.clone());
        let result = &answer.json()["result"];
        assert_eq!(result["protocolVersion"], version);
        assert_eq!(result["serverInfo"]["name"], "Frontdesk");
        assert_eq!(result["serverInfo"]["title"], "Title of lead-concierge");
        assert_eq!(result["capabilities"], json!({"tools": {}}), "tools only");
        let told = result["instructions"].as_str().unwrap();
        assert!(told.contains("Title of lead-concierge") && told.contains("X-Frontdesk-Session"), "{told}");
        assert!(told.len() < 400, "{told}");
        for connection in [Some(connection.as_str()), Some("of another instance"), None] {
            let request = world.say(&list()).header("mcp-protocol-version", version);
            let listed = Answer::of(
                connection.into_iter().fold(request, |request, name| request.header("mcp-session-id", name)),
            )
            .await;
            assert_eq!(listed.header("mcp-session-id"), "", "{version}");
            assert_eq!(
                listed.json()["result"]["tools"][0]["name"],
                "search_knowledge",
                "nothing hangs on it: {version}"
            );
        }
    }
    let unknown = world.said(&initialize("1999-01-01")).await;
    assert!(VERSIONS.contains(&unknown["result"]["protocolVersion"].as_str().unwrap()), "{unknown}");
    let operator =
        Answer::of(world.message(OPS, &initialize("2025-11-25")).bearer_auth(OPERATOR)).await.json();
    let told = operator["result"]["instructions"].as_str().unwrap();
    assert!(told.contains("act for the operator"), "{told}");
}

#[tokio::test]
async fn the_version_without_a_handshake_is_spoken() {
    let world = World::start().await;
    let version = "2026-07-28";
    let meta = json!({
        "io.modelcontextprotocol/protocolVersion": version,
        "io.modelcontextprotocol/clientInfo": {"name": "test", "version": "1"},
        "io.modelcontextprotocol/clientCapabilities": {},
        "frontdesk/session": world.own_session(),
    });
    let say = async |method: &str, mut params: Value| {
        params["_meta"] = meta.clone();
        let request = world.say(&ask(7, method, params.clone())).header("mcp-protocol-version", version);
        let request = request.header("mcp-method", method);
        let name = params["name"].as_str().map(str::to_owned);
        Answer::of(name.into_iter().fold(request, |request, name| request.header("mcp-name", name))).await
    };
    let found = say("server/discover", json!({})).await;
    assert_eq!(found.status, 200, "{found:?}");
    let result = &found.json()["result"];
    assert!(result["supportedVersions"].as_array().unwrap().contains(&json!(version)), "{result}");
    assert!(result["instructions"].as_str().unwrap().contains("Title of lead-concierge"));
    let listed = say("tools/list", json!({})).await.json();
    assert_eq!(listed["result"]["tools"].as_array().unwrap().len(), 2, "{listed}");
    let called = say("tools/call", json!({"name": "book_meeting", "arguments": {}})).await.json();
    assert_eq!(called["result"]["structuredContent"], json!({"done": "book_meeting 1"}), "{called}");
    assert!(world.callers().iter().all(|caller| caller.visitor_id == "vis_1"));
}

#[tokio::test]
async fn the_contract_knows_the_versions() {
    let world = World::start().await;
    let api = world.get("/openapi.json").await.json();
    let parameters = api["paths"]["/mcp/{workflow}"]["post"]["parameters"].as_array().unwrap();
    let version = parameters.iter().find(|parameter| parameter["name"] == "MCP-Protocol-Version").unwrap();
    assert!(version.to_string().contains("McpVersion"), "{version}");
    assert_eq!(api["components"]["schemas"]["McpVersion"]["enum"], json!(VERSIONS));
}

#[tokio::test]
async fn an_unknown_version_is_refused() {
    let world = World::start().await;
    let request = world.say(&list()).header("mcp-protocol-version", "1999-01-01");
    let error = Answer::of(request).await.problem(400, "MALFORMED");
    assert!(error.contains("2025-11-25") && !error.contains("1999"), "{error}");
    let both = world.say(&list()).header("mcp-protocol-version", "{}").header("x-frontdesk-session", "x");
    Answer::of(both).await.problem(400, "MALFORMED");
    let mut own = list();
    own["params"]["_meta"] = json!({"io.modelcontextprotocol/protocolVersion": "1999-01-01"});
    let told = Answer::of(world.say(&own).header("mcp-protocol-version", "1999-01-01")).await;
    assert_eq!(told.status, 400, "{told:?}");
    assert!(told.json()["error"]["data"]["supported"].is_array(), "the client can choose another: {told:?}");
    assert!(world.callers().is_empty());
}

#[tokio::test]
async fn tools_are_described_whole() {
    let world = World::start().await;
    let mut own = tool("cancel_meeting", true);
    own.open_world = true;
    let listed = ListToolsResponse { tools: vec![own], title: "T".into() };
    world.backend.notes().tools.lists.push_back(Ok(listed));
    let answer = world.said(&list()).await;
    let expected = json!([{
        "name": "cancel_meeting",
        "title": "Title of cancel_meeting",
        "description": "Does cancel_meeting.",
        "inputSchema": {"type": "object", "properties": {"q": {"type": "string"}}},
        "outputSchema": {"type": "object", "properties": {"done": {"type": "string"}}},
        "annotations": {
            "title": "Title of cancel_meeting",
            "readOnlyHint": false,
            "destructiveHint": true,
            "idempotentHint": true,
            "openWorldHint": true,
        },
    }]);
    assert_eq!(answer["result"]["tools"], expected);
    assert!(answer["result"]["nextCursor"].is_null());
    let cursor = world.said(&ask(1, "tools/list", json!({"cursor": "x"}))).await;
    assert_eq!(cursor["error"]["code"], -32602, "{cursor}");
}

#[tokio::test]
async fn a_broken_description_is_our_fault() {
    let world = World::start().await;
    for broken in ["", "[]", "{"] {
        let mut tool = tool("t", false);
        tool.output_schema = broken.into();
        let listed = ListToolsResponse { tools: vec![tool], title: "T".into() };
        world.backend.notes().tools.lists.push_back(Ok(listed));
        Answer::of(world.say(&list())).await.problem(500, "INTERNAL");
    }
}

#[tokio::test]
async fn a_notification_is_taken_and_does_nothing() {
    let world = World::start().await;
    for method in ["notifications/initialized", "notifications/cancelled", "tools/call"] {
        let message =
            json!({"jsonrpc": "2.0", "method": method, "params": {"requestId": 1, "name": "book_meeting"}});
        let answer = Answer::of(world.say(&message)).await;
        assert_eq!((answer.status, answer.text.as_str()), (202, ""), "{method}");
    }
    let lost = json!({"jsonrpc": "2.0", "method": "notifications/initialized"});
    assert_eq!(Answer::of(world.say(&lost).header("x-frontdesk-session", "x")).await.status, 202);
    assert!(world.callers().is_empty());
}

#[tokio::test]
async fn there_is_a_ping_and_nothing_that_was_not_promised() {
    let world = World::start().await;
    assert_eq!(
        world.said(&ask("p", "ping", json!({}))).await,
        json!({"jsonrpc": "2.0", "id": "p", "result": {}})
    );
    for method in ["resources/read", "prompts/get", "tasks/get", "nothing/at/all"] {
        let answer = world
            .said(&ask(1, method, json!({"uri": "x", "name": "x", "level": "info", "taskId": "x"})))
            .await;
        assert_eq!(answer["error"]["code"], -32601, "{method} {answer}");
    }
    let level = async |level: &str| world.said(&ask(1, "logging/setLevel", json!({"level": level}))).await;
    assert_eq!(level("info").await["result"], json!({}));
    assert_eq!(level("loud").await["error"]["code"], -32601);
    assert!(world.callers().is_empty());
}

#[tokio::test]
async fn a_client_that_takes_json_alone_is_answered() {
    let world = World::start().await;
    let bare = |accept: &str| {
        world.post("/mcp/lead-concierge", list().to_string()).bearer_auth(TOKEN).header("accept", accept)
    };
    for accept in ["application/json", "*/*", "text/event-stream"] {
        let answer = Answer::of(bare(accept)).await;
        assert_eq!(
            (answer.status, answer.header("content-type").as_str()),
            (200, "application/json"),
            "{accept}"
        );
    }
}

#[tokio::test]
async fn a_workflow_that_there_is_not_is_no_route() {
    let world = World::start().await;
    for method in ["initialize", "tools/list", "tools/call"] {
        let fault = status(&Fault::new(Kind::NotFound, Reason::WorkflowUnknown, "no such workflow"));
        let tools = &mut world.backend.notes().tools;
        if method == "tools/call" {
            tools.calls.push_back(Err(fault))
        } else {
            tools.lists.push_back(Err(fault))
        }
    }
    let call = super::call(1, "t", json!({}));
    for message in [initialize("2025-11-25"), list(), call] {
        let request = world.message(CONCIERGE, &message).bearer_auth(TOKEN);
        Answer::of(request).await.problem(404, "ROUTE_UNKNOWN");
    }
}
