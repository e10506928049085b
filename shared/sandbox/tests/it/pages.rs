//! The pages: escaped, complete in the first HTML, for this machine only.

use std::net::SocketAddr;

use reqwest::{Method, StatusCode};
use serde_json::json;

use crate::harness::{Town, answer};

#[tokio::test]
async fn the_first_html_has_the_rows_and_escapes_them() {
    let town = Town::new().await;
    let (_, page) = text(&town, "/sandbox/sheet").await;
    assert!(page.contains("Nothing has been written yet"));
    let attack = "<script>alert('1')</script>{{tabs}}\"&";
    town.append(&[&["id", "name"], &["1", attack], &["2", "Bob"]]).await;
    town.sandbox.person().rename_tab("Sheet1", "<b>leads</b>").unwrap();
    let (headers, page) = text(&town, "/sandbox/sheet").await;
    assert!(page.contains("&lt;script&gt;alert(&#39;1&#39;)&lt;/script&gt;{{tabs}}&quot;&amp;"), "{page}");
    assert!(!page.contains("<script>") && !page.contains("<b>"));
    for part in ["<caption>", "&lt;b&gt;leads&lt;/b&gt;", "2 rows", "<th scope=\"col\">", ">Bob</td>"] {
        assert!(page.contains(part), "{part}");
    }
    let policy = headers["content-security-policy"].to_str().unwrap();
    assert!(policy.starts_with("default-src 'none'") && !policy.contains("unsafe"));
    for asset in ["/sandbox/sheet.js", "/sandbox/style.css"] {
        assert!(page.contains(asset));
        assert!(!text(&town, asset).await.1.is_empty());
    }
    assert!(!page.contains("http"), "no asset from elsewhere");
}

#[tokio::test]
async fn the_json_has_an_etag_that_changes_with_the_sheet() {
    let town = Town::new().await;
    let ask = |tag: &str| town.ask(Method::GET, "/sandbox/sheet.json").header("if-none-match", tag).send();
    let first = ask("\"none\"").await.unwrap();
    let tag = first.headers()["etag"].to_str().unwrap().to_owned();
    assert_eq!(ask(&tag).await.unwrap().status(), StatusCode::NOT_MODIFIED);
    town.append(&[&["id"], &["1"]]).await;
    let changed = ask(&tag).await.unwrap();
    assert_eq!(changed.status(), 200);
    let sheet: serde_json::Value = changed.json().await.unwrap();
    let tab = json!({"title": "Sheet1", "columns": ["id"], "total": 1, "rows": [{"row": 1, "cells": [["1", "text"]]}]});
    assert_eq!(sheet["tabs"], json!([tab]));
    assert_eq!(sheet["summary"], "1 row in 1 tab");
}

#[tokio::test]
async fn the_buttons_do_what_a_person_does() {
    let town = Town::new().await;
    town.append(&[&["id"], &["2"], &["1"]]).await;
    let act = |action: serde_json::Value| answer(town.ask(Method::POST, "/sandbox/person").json(&action));
    assert_eq!(act(json!({"do": "sort", "tab": "Sheet1", "column": 0, "descending": false})).await.0, 204);
    assert_eq!(
        act(json!({"do": "set_cell", "tab": "Sheet1", "row": 1, "column": 0, "value": "0"})).await.0,
        204
    );
    assert_eq!(act(json!({"do": "delete_row", "tab": "Sheet1", "row": 2})).await.0, 204);
    assert_eq!(town.first_column("Sheet1"), ["id", "0"]);
    let (status, problem) = act(json!({"do": "delete_row", "tab": "none", "row": 2})).await;
    assert_eq!((status.as_u16(), &problem["error"]), (404, &json!("no such tab")));
    assert_eq!(act(json!({"do": "delete_row", "tab": "Sheet1", "row": 5000})).await.0, 400);
    assert_eq!(act(json!({"do": "burn"})).await.0, 400);
}

#[tokio::test]
async fn only_this_machine_under_its_own_name_is_answered() {
    let town = Town::new().await;
    let own = format!("http://{}", town.address);
    for (header, value, status) in [
        ("x-other", "x", 200),
        ("host", "localhost:8080", 200),
        ("host", "LOCALHOST", 200),
        ("host", "[::1]:8080", 200),
        ("origin", own.as_str(), 200),
        ("host", "evil.example", 403),
        ("host", "localhost.evil.example", 403),
        ("host", "127.0.0.1.evil.example", 403),
        ("host", "192.168.0.7:8080", 403),
        ("x-forwarded-for", "127.0.0.1", 403),
        ("forwarded", "for=127.0.0.1", 403),
        ("origin", "http://evil.example", 403),
        ("origin", "null", 403),
    ] {
        for path in ["/sandbox", "/sandbox/sheet", "/sandbox/log", "/sandbox/faults"] {
            let response = town.ask(Method::GET, path).header(header, value).send().await.unwrap();
            assert_eq!(response.status(), status, "{header}: {value}");
            if status == 403 {
                assert_eq!(response.headers()["content-type"], "application/problem+json");
            }
        }
    }
}

#[tokio::test]
async fn a_peer_that_is_not_loopback_or_not_known_is_refused() {
    use axum::extract::ConnectInfo;
    use tower::ServiceExt;
    let town = Town::new().await;
    let peers =
        [("10.0.0.1:1", 403), ("[::ffff:10.0.0.1]:1", 403), ("[::ffff:127.0.0.1]:1", 200), ("[::1]:1", 200)];
    for (peer, status) in peers.map(|(peer, status)| (Some(peer), status)).into_iter().chain([(None, 403)]) {
        let mut request = axum::extract::Request::new(axum::body::Body::empty());
        *request.uri_mut() = "/sandbox".parse().unwrap();
        request.headers_mut().insert("host", "localhost".parse().unwrap());
        if let Some(peer) = peer {
            request.extensions_mut().insert(ConnectInfo(peer.parse::<SocketAddr>().unwrap()));
        }
        let response = town.sandbox.pages().oneshot(request).await.unwrap();
        assert_eq!(response.status(), status, "{peer:?}");
    }
}

async fn text(town: &Town, path: &str) -> (reqwest::header::HeaderMap, String) {
    let response = town.ask(Method::GET, path).send().await.unwrap();
    assert_eq!(response.status(), 200);
    (response.headers().clone(), response.text().await.unwrap())
}
