//! The operator's routes: who may, what is asked inward, what is answered.

use chassis::status::status;
use domain::{Fault, Kind, Reason};
use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};

use crate::{
    books::{Asked, BREAKS_OFF},
    world::{Answer, OPERATOR, World},
};

const CONTACTS: &str = "/api/operator/contacts";
const LEADS: &str = "/api/operator/leads";

impl World {
    fn operate(&self, method: Method, path: &str) -> RequestBuilder {
        self.request(method, path).bearer_auth(OPERATOR)
    }

    async fn read(&self, path: &str) -> Answer {
        Answer::of(self.operate(Method::GET, path)).await
    }

    async fn write(&self, method: Method, path: &str, body: Value) -> Answer {
        Answer::of(self.operate(method, path).json(&body)).await
    }

    fn last(&self) -> Asked {
        self.backend.notes().books.last().unwrap().clone()
    }
}

/// Method and path of everything that only the operator may.
const ROUTES: [(Method, &str); 13] = [
    (Method::GET, "/api/operator/contacts?email=ann@example.com"),
    (Method::POST, CONTACTS),
    (Method::PUT, CONTACTS),
    (Method::GET, "/api/operator/contacts/con_1"),
    (Method::GET, "/api/operator/contacts/con_1/export"),
    (Method::POST, "/api/operator/contacts/con_1/erase"),
    (Method::GET, "/api/operator/erasures/era_1"),
    (Method::POST, LEADS),
    (Method::GET, "/api/operator/rows/leads"),
    (Method::GET, "/api/operator/threads?handed_off=true"),
    (Method::GET, "/api/operator/threads/thr_1"),
    (Method::POST, "/api/operator/threads/thr_1/messages"),
    (Method::POST, "/api/operator/threads/thr_1/release"),
];

#[tokio::test]
async fn nobody_but_the_operator_may() {
    let world = World::start().await;
    let secret = world.secret();
    for (method, path) in ROUTES {
        for token in [None, Some("wrong"), Some(secret.as_str()), Some("an-operators-toke")] {
            let mut request = world.request(method.clone(), path).json(&json!({"email": "a@b.c"}));
            if let Some(token) = token {
                request = request.bearer_auth(token);
            }
            let answer = Answer::of(request).await;
            answer.problem(401, "SECRET_WRONG");
            assert_eq!(answer.header("www-authenticate"), "Bearer");
        }
        let page = world.operate(method, path).header("origin", "https://elsewhere.example");
        Answer::of(page).await.problem(403, "ORIGIN_NOT_ALLOWED");
    }
    assert!(world.backend.notes().books.is_empty(), "nothing was asked inward");
}

#[tokio::test]
async fn in_the_cloud_there_is_nothing_without_a_token() {
    let cloud =
        [("K_SERVICE", "gateway"), ("ALLOWED_ORIGINS", "https://www.example.com"), ("MCP_TOKENS", "")];
    let world = World::with(&[&cloud[..], &[("OPERATOR_TOKEN", "")]].concat()).await;
    for (method, path) in ROUTES {
        Answer::of(world.operate(method, path).json(&json!({}))).await.problem(404, "ROUTE_UNKNOWN");
    }
    let api = world.get("/openapi.json").await.json();
    assert!(!api["paths"].as_object().unwrap().keys().any(|path| path.starts_with("/api/operator")));

    let world = World::with(&cloud).await;
    assert_eq!(world.read("/api/operator/contacts/con_1").await.status, 200);
}

#[tokio::test]
async fn a_person_is_found_and_read() {
    let world = World::start().await;
    let answer = world.read("/api/operator/contacts?email=%20Ann%40example.com&phone=").await;
    assert_eq!((answer.status, answer.header("cache-control").as_str()), (200, "no-store"));
    let ann = answer.json()["contacts"][0].clone();
    assert_eq!(ann["id"], "con_1");
    assert_eq!(ann["created_at"], "2025-10-28T16:10:00Z");
    assert_eq!((&ann["tags"], &ann["phone"]), (&json!(["webinar"]), &json!("")));
    let Asked::Find(asked) = world.last() else { panic!("{:?}", world.last()) };
    assert_eq!((asked.email.as_str(), asked.phone.as_str()), ("Ann@example.com", ""));

    world.read(CONTACTS).await.problem(400, "INVALID_VALUE");
    world.read("/api/operator/contacts?email=a&email=b").await.problem(400, "MALFORMED");
    world.read("/api/operator/contacts/%FF").await.problem(400, "MALFORMED");

    assert_eq!(world.read("/api/operator/contacts/con_1").await.json()["email"], "ann@example.com");
    let Asked::Get(asked) = world.last() else { panic!("{:?}", world.last()) };
    assert_eq!(asked.contact_id, "con_1");
    let export = world.read("/api/operator/contacts/con_1/export").await;
    assert_eq!(
        (export.header("content-type").as_str(), export.text.as_str()),
        ("application/json", r#"{"contact":{}}"#)
    );
    let Asked::Export(asked) = world.last() else { panic!("{:?}", world.last()) };
    assert_eq!(asked.contact_id, "con_1");

    let unknown = Fault::new(Kind::NotFound, Reason::ContactUnknown, "there is no such contact");
    world.backend.notes().refusals.push_back(status(&unknown));
    let error = world.read("/api/operator/contacts/con_2").await.problem(404, "CONTACT_UNKNOWN");
    assert_eq!(error, "there is no such contact");
}

#[tokio::test]
async fn an_export_that_breaks_off_does_not_end_as_if_it_were_whole() {
    let world = World::start().await;
    let path = format!("{CONTACTS}/{BREAKS_OFF}/export");
    let request = world.operate(Method::GET, &path);
    // It may break off before or after its head is out.
    let read = async { request.send().await?.text().await };
    assert!(read.await.is_err());
    assert_eq!(world.read(&format!("{CONTACTS}/con_1/export")).await.text, r#"{"contact":{}}"#);
}

#[tokio::test]
async fn posting_fills_in_and_putting_sets() {
    let world = World::start().await;
    let body = json!({"email": "ann@example.com", "company": "Ann's Bakery", "tags": ["webinar"]});
    let posted = world.write(Method::POST, CONTACTS, body.clone()).await.json();
    assert_eq!((&posted["created"], &posted["contact"]["company"]), (&json!(true), &json!("")));
    let Asked::Resolve(asked) = world.last() else { panic!("{:?}", world.last()) };
    let facts = asked.facts.unwrap();
    assert_eq!((facts.company.as_str(), facts.source.as_str()), ("Ann's Bakery", "operator"));
    assert!(!asked.claimed && !asked.request_id.is_empty());

    let put = world.write(Method::PUT, CONTACTS, body).await.json();
    assert_eq!(put["contact"]["company"], "Ann's Bakery");
    let Asked::Update(asked) = world.last() else { panic!("{:?}", world.last()) };
    assert_eq!(asked.contact_id, "con_1");
    let facts = asked.facts.unwrap();
    assert_eq!((facts.email.as_str(), facts.source.as_str()), ("ann@example.com", ""));

    for (body, field) in [
        (json!({"email": 7}), json!("email")),
        (json!({"email": "a@b.c", "tags": "x"}), json!("tags")),
        (json!({"email": "a@b.c", "company": "x".repeat(513)}), json!("company")),
        (json!({"first_name": "Ann"}), Value::Null),
    ] {
        let answer = world.write(Method::POST, CONTACTS, body.clone()).await;
        assert_eq!((answer.status, &answer.json()["field"]), (400, &field), "{body}");
    }
    assert_eq!(world.backend.notes().books.len(), 3, "what is refused is not asked inward");
}

#[tokio::test]
async fn the_same_key_is_the_same_call() {
    let world = World::start().await;
    let mut ids = Vec::new();
    for key in ["order-1", "order-1", "order-2"] {
        let request = world.operate(Method::POST, LEADS).header("idempotency-key", key);
        let body = json!({"contact_id": "con_1", "status": "qualified", "score": 0.5});
        let answer = Answer::of(request.json(&body)).await;
        assert_eq!((answer.status, &answer.json()["status"]), (200, &json!("qualified")));
        let Asked::Lead(asked) = world.last() else { panic!("{:?}", world.last()) };
        assert_eq!(asked.lead.as_ref().unwrap().score, Some(0.5));
        ids.push(asked.request_id);
    }
    assert!(ids[0] == ids[1] && ids[1] != ids[2], "{ids:?}");
    let request = world.operate(Method::POST, LEADS).header("idempotency-key", "a b");
    let answer = Answer::of(request.json(&json!({"contact_id": "con_1"}))).await;
    answer.problem(400, "INVALID_VALUE");
    assert_eq!(answer.json()["field"], "Idempotency-Key");
    for (body, field) in [
        (json!({"contact_id": "c", "status": "sold"}), json!("status")),
        (json!({"contact_id": "c", "score": 1.5}), json!("score")),
        (json!({"contact_id": "c", "score": "1"}), json!("score")),
        (json!({"owner": "Kim"}), Value::Null),
    ] {
        let answer = world.write(Method::POST, LEADS, body.clone()).await;
        assert_eq!((answer.status, &answer.json()["field"]), (400, &field), "{body}");
    }
}

#[tokio::test]
async fn without_a_key_every_call_is_its_own() {
    let world = World::start().await;
    let mut ids = Vec::new();
    for _ in 0..2 {
        let request = world.operate(Method::POST, LEADS).header("x-request-id", "one-for-the-whole-job");
        Answer::of(request.json(&json!({"contact_id": "con_1", "owner": "Kim"}))).await;
        let Asked::Lead(asked) = world.last() else { panic!("{:?}", world.last()) };
        ids.push(asked.request_id);
    }
    assert!(ids[0] != ids[1] && ids.iter().all(|id| !id.is_empty() && !id.contains("job")), "{ids:?}");
}

#[tokio::test]
async fn a_key_that_was_used_for_something_else_is_named_as_the_caller_knows_it() {
    let world = World::start().await;
    let used = Fault::invalid("request_id", "request_id was used for another change");
    world.backend.notes().refusals.push_back(status(&used));
    let request = world.operate(Method::POST, LEADS).header("idempotency-key", "order-1");
    let answer = Answer::of(request.json(&json!({"contact_id": "con_1", "owner": "Kim"}))).await;
    assert_eq!(answer.problem(400, "INVALID_VALUE"), "Idempotency-Key was used for another change");
    assert_eq!(answer.json()["field"], "Idempotency-Key");
}

#[tokio::test]
async fn rows_come_page_by_page() {
    let world = World::start().await;
    let page = world.read("/api/operator/rows/payments?after=page-1&limit=7&state=parked").await.json();
    let row = json!({
        "id": "pi_1", "version": 3, "occurred_at": "2025-10-28T16:10:00.5Z", "state": "parked",
        "cells": {"amount": {"minor": 1050}}, "error": "too long",
    });
    assert_eq!(page, json!({"rows": [row], "next": "page-2"}));
    let Asked::Rows(asked) = world.last() else { panic!("{:?}", world.last()) };
    assert_eq!((asked.page_token.as_str(), asked.page_size, asked.tab, asked.state), ("page-1", 7, 6, 3));

    world.read("/api/operator/rows/Payments").await.problem(404, "ROUTE_UNKNOWN");
    for (query, field) in [("limit=0", "limit"), ("limit=501", "limit"), ("state=lost", "state")] {
        let answer = world.read(&format!("/api/operator/rows/leads?{query}")).await;
        answer.problem(400, "INVALID_VALUE");
        assert_eq!(answer.json()["field"], field);
    }
    let foreign = Fault::invalid("page_token", "page_token is not from this list");
    world.backend.notes().refusals.push_back(status(&foreign));
    let answer = world.read("/api/operator/rows/leads?after=x").await;
    assert_eq!(answer.problem(400, "INVALID_VALUE"), "after is not from this list");
    assert_eq!(answer.json()["field"], "after");
}
