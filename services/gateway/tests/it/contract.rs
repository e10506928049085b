//! The contract that is served, and the page that shows it.

use std::fmt::Write as _;

use chassis::status::status;
use domain::{Fault, Kind, Reason};
use reqwest::Method;
use serde_json::Value;

use crate::{
    mcp::TOKEN,
    world::{ACTIONS, Answer, CHAT, EVENTS, MEMBERSHIP, OPERATOR, REFRESH, SESSION, STRIPE, World},
};

const TOOLS: &str = "/mcp/{workflow}";
const CONCIERGE: &str = "/mcp/lead-concierge";
const PING: &str = r#"{"jsonrpc":"2.0","id":1,"method":"ping"}"#;
const NOTE: &str = r#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#;

/// Every operation with its statuses, one a line.
fn summary(api: &Value) -> String {
    let mut lines = String::new();
    for (path, item) in api["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            let statuses: Vec<_> =
                operation["responses"].as_object().unwrap().keys().map(String::as_str).collect();
            let id = operation["operationId"].as_str().unwrap();
            writeln!(lines, "{} {path} {id} {}", method.to_uppercase(), statuses.join(" ")).unwrap();
        }
    }
    for (name, schema) in api["components"]["schemas"].as_object().unwrap() {
        let fields = schema["properties"].as_object();
        let fields = fields.into_iter().flat_map(|fields| fields.keys().map(String::as_str));
        // The sorts of what is told apart by its type.
        let sorts = schema["oneOf"].as_array().into_iter().flatten();
        let sorts = sorts.filter_map(|sort| sort["properties"]["type"]["enum"][0].as_str());
        writeln!(lines, "{name} {}", fields.chain(sorts).collect::<Vec<_>>().join(" ")).unwrap();
    }
    lines
}

#[tokio::test]
async fn the_contract_is_what_it_was() {
    let world = World::start().await;
    let answer = world.get("/openapi.json").await;
    assert_eq!(answer.header("content-type"), "application/json");
    let api = answer.json();
    assert!(api["openapi"].as_str().unwrap().starts_with("3.1."));
    assert_eq!(summary(&api), include_str!("openapi.txt"), "now:\n{}", summary(&api));
}

#[tokio::test]
async fn every_reference_leads_somewhere() {
    let world = World::start().await;
    let answer = world.get("/openapi.json").await;
    let api = answer.json();
    let mut count = 0;
    for reference in answer.text.split("\"$ref\":\"#").skip(1) {
        let pointer = reference.split('"').next().unwrap();
        assert!(api.pointer(pointer).is_some(), "{pointer}");
        count += 1;
    }
    assert!(count > 10, "{count}");
}

/// The path with the examples of its parameters.
fn filled(path: &str, operation: &Value) -> String {
    let parameters = operation["parameters"].as_array().into_iter().flatten();
    parameters.filter(|parameter| parameter["in"] == "path").fold(path.to_owned(), |path, parameter| {
        let name = format!("{{{}}}", parameter["name"].as_str().unwrap());
        path.replace(&name, parameter["example"].as_str().unwrap())
    })
}

#[tokio::test]
async fn the_examples_work() {
    let world = World::start().await;
    let api = world.get("/openapi.json").await.json();
    let mut tried = 0;
    for (path, item) in api["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            let example = &operation["requestBody"]["content"]["application/json"]["example"];
            if example.is_null() {
                continue;
            }
            let needs = |name: &str| operation["security"][0][name].is_array();
            let member = needs("whop_user_token").then_some("user_1");
            // Where a bearer may be left out, it is the second way.
            let may = |name: &str| needs(name) || operation["security"][1][name].is_array();
            let bearer = match () {
                () if may("operator_token") => OPERATOR.to_owned(),
                () if may("mcp_token") => TOKEN.to_owned(),
                () => world.secret_of(member),
            };
            let path = filled(path, operation);
            let call = world.request(method.to_uppercase().parse().unwrap(), &path).bearer_auth(bearer);
            let status = Answer::of(call.json(example)).await.status;
            let known = operation["responses"][status.to_string()].is_object();
            assert!(known && status < 300, "{method} {path} {status}");
            tried += 1;
        }
    }
    assert_eq!(tried, 11);
}

/// The headers that the contract promises for an answer.
fn promised(api: &Value, method: &str, path: &str, status: u16) -> Vec<String> {
    let response = &api["paths"][path][method.to_lowercase()]["responses"][status.to_string()];
    let headers = response["headers"].as_object().unwrap_or_else(|| panic!("{method} {path} {status}"));
    let required = headers.iter().filter(|(_, header)| header["required"] == true);
    required.map(|(name, _)| name.clone()).collect()
}

#[tokio::test]
async fn every_answer_has_the_headers_that_are_promised() {
    let world = World::start().await;
    let api = world.get("/openapi.json").await.json();
    let tag = world.get("/widget.js").await.header("etag");
    let bare = |kind| status(&Fault::new(kind, Reason::Internal, "it was so"));
    world.backend.notes().sessions.extend([Err(bare(Kind::RateLimited)), Err(bare(Kind::Internal))]);
    let known = world.request(Method::GET, "/widget.js").header("if-none-match", tag);
    let foreign = world.post(SESSION, "{}").header("origin", "https://elsewhere.example");
    for (method, path, code, request) in [
        ("POST", SESSION, 429, world.post(SESSION, "{}")),
        ("POST", SESSION, 500, world.post(SESSION, "{}")),
        ("POST", SESSION, 200, world.post(SESSION, "{}")),
        ("POST", SESSION, 400, world.post(SESSION, "[]")),
        ("POST", SESSION, 403, foreign),
        ("POST", REFRESH, 400, world.post(REFRESH, "{}")),
        ("POST", CHAT, 401, world.post(CHAT, "{}")),
        ("POST", CHAT, 413, world.talk("x".repeat(300_000))),
        ("POST", TOOLS, 200, world.post(CONCIERGE, PING).bearer_auth(TOKEN)),
        ("POST", TOOLS, 202, world.post(CONCIERGE, NOTE).bearer_auth(TOKEN)),
        ("POST", TOOLS, 400, world.post(CONCIERGE, "[]").bearer_auth(TOKEN)),
        ("POST", TOOLS, 401, world.post(CONCIERGE, PING)),
        ("POST", EVENTS, 202, world.post(EVENTS, r#"{"type":"t"}"#)),
        ("POST", STRIPE, 200, world.post(STRIPE, "{}")),
        ("GET", "/checkout/{token}", 200, world.request(Method::GET, "/checkout/token")),
        ("GET", "/portal", 200, world.through_whop("user_1", Method::GET, "/portal")),
        ("GET", "/portal", 401, world.request(Method::GET, "/portal")),
        ("GET", "/portal.js", 200, world.request(Method::GET, "/portal.js")),
        ("GET", ACTIONS, 200, world.through_whop("user_1", Method::GET, ACTIONS)),
        ("GET", MEMBERSHIP, 401, world.request(Method::GET, MEMBERSHIP)),
        ("GET", "/widget.js", 200, world.request(Method::GET, "/widget.js")),
        ("GET", "/widget.js", 304, known),
        ("GET", "/operator", 200, world.request(Method::GET, "/operator")),
        ("GET", "/operator.js", 200, world.request(Method::GET, "/operator.js")),
        ("GET", "/health", 200, world.request(Method::GET, "/health")),
    ] {
        let answer = Answer::of(request).await;
        assert_eq!(answer.status, code, "{method} {path}");
        let promised = promised(&api, method, path, code);
        assert!(promised.len() >= 4, "{promised:?}");
        for name in promised {
            assert!(answer.headers.contains_key(&name), "{method} {path} {code} has no {name}");
        }
    }
}

#[tokio::test]
async fn who_comes_too_often_is_told_when_to_come_back_even_if_nobody_knew() {
    let world = World::start().await;
    let limited = status(&Fault::new(Kind::RateLimited, Reason::ProviderRateLimited, "too many"));
    world.backend.notes().sessions.push_back(Err(limited));
    let answer = world.session("{}").await;
    assert_eq!((answer.status, answer.header("retry-after").as_str()), (429, "1"));
}

#[tokio::test]
async fn the_page_shows_everything() {
    let world = World::start().await;
    let page = world.get("/docs").await;
    assert!(page.header("content-type").starts_with("text/html"));
    let api = world.get("/openapi.json").await.json();
    for (path, item) in api["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            let title = format!("<code>{} {path}</code>", method.to_uppercase());
            let anchor = format!("id=\"{}\"", operation["operationId"].as_str().unwrap());
            assert!(page.text.contains(&title) && page.text.contains(&anchor), "{title}");
        }
    }
    for name in api["components"]["schemas"].as_object().unwrap().keys() {
        assert!(page.text.contains(&format!("id=\"schema-{name}\"")), "{name}");
    }
    for sort in ["threads.retry_after_item", "items.feedback", "thread.item.replaced", "input_tag"] {
        assert!(page.text.contains(&format!("<tr><td><code>{sort}</code></td>")), "{sort}");
    }
    for reason in Reason::ALL {
        assert!(page.text.contains(&format!("id=\"{}\"", reason.as_str())), "{reason:?}");
    }
}

#[tokio::test]
async fn the_page_loads_nothing_and_runs_nothing() {
    let world = World::start().await;
    let page = world.get("/docs").await;
    let policy = page.header("content-security-policy");
    assert!(policy.starts_with("default-src 'none'; style-src 'sha256-"), "{policy}");
    assert!(!policy.contains("unsafe"));
    for loads in ["<script src", "<script>", "<link", "style=\"", "@import", "url("] {
        assert!(!page.text.contains(loads), "{loads}");
    }
}

#[tokio::test]
async fn the_page_says_how_to_authenticate() {
    let world = World::start().await;
    let page = world.get("/docs").await;
    assert_eq!(page.text.matches("authorization: Bearer $CLIENT_SECRET").count(), 1);
    assert_eq!(page.text.matches("authorization: Bearer $MCP_TOKEN").count(), 1);
    assert_eq!(page.text.matches("authorization: Bearer $OPERATOR_TOKEN").count(), 13);
    assert_eq!(page.text.matches("x-whop-user-token: $WHOP_USER_TOKEN").count(), 5);
    let api = world.get("/openapi.json").await.json();
    assert_eq!(api["paths"]["/chatkit"]["post"]["security"][0]["client_secret"], serde_json::json!([]));
    assert_eq!(api["components"]["securitySchemes"]["client_secret"]["scheme"], "bearer");
}
