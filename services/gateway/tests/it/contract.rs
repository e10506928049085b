//! The contract that is served, and the page that shows it.

use std::fmt::Write as _;

use domain::Reason;
use serde_json::Value;

use crate::world::World;

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
        let fields: Vec<_> =
            fields.into_iter().flat_map(|fields| fields.keys().map(String::as_str)).collect();
        writeln!(lines, "{name} {}", fields.join(" ")).unwrap();
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

#[tokio::test]
async fn the_examples_work() {
    let world = World::start().await;
    let api = world.get("/openapi.json").await.json();
    let mut tried = 0;
    for (path, item) in api["paths"].as_object().unwrap() {
        let example = &item["post"]["requestBody"]["content"]["application/json"]["example"];
        if !example.is_null() {
            let call = world.post(path, example.to_string()).bearer_auth(world.secret());
            let status = crate::world::Answer::of(call).await.status;
            assert!(
                item["post"]["responses"][status.to_string()].is_object() && status < 300,
                "{path} {status}"
            );
            tried += 1;
        }
    }
    assert_eq!(tried, 4);
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
    let api = world.get("/openapi.json").await.json();
    assert_eq!(api["paths"]["/chatkit"]["post"]["security"][0]["client_secret"], serde_json::json!([]));
    assert_eq!(api["components"]["securitySchemes"]["client_secret"]["scheme"], "bearer");
}
