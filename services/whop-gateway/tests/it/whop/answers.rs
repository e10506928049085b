//! How it answers.

use std::collections::BTreeMap;

use axum::{
    Json,
    body::Bytes,
    extract::State,
    http::{HeaderMap, Method, StatusCode, Uri},
    response::{IntoResponse as _, Response},
};
use serde_json::{Value, json};

use super::{ACCOUNT, Desk, Door, Fault, KEY, Time};

type Query = BTreeMap<String, String>;

pub(super) async fn serve(
    State(door): State<Door>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let path = uri.path().strip_prefix("/api/v1").unwrap_or(uri.path()).to_owned();
    let line = format!("{method} {path}");
    door.asked.send_modify(|asked| asked.push(line.clone()));
    let query: Query =
        url::form_urlencoded::parse(uri.query().unwrap_or_default().as_bytes()).into_owned().collect();
    let body: Value = serde_json::from_slice(&body).unwrap_or_default();
    let (answer, held) = {
        let mut desk = door.desk.lock().unwrap();
        let is_meant = |(meant, _): &(String, Fault)| line.starts_with(meant);
        let fault = desk.faults.iter().position(is_meant).and_then(|at| desk.faults.remove(at));
        match (desk.down, fault) {
            (Some(status), _) | (None, Some((_, Fault::Status(status)))) => (failed(status), None),
            (None, Some((_, Fault::Busy(wait)))) => {
                let busy = (StatusCode::TOO_MANY_REQUESTS, [("retry-after", wait.to_string())]);
                (busy.into_response(), None)
            }
            (None, Some((_, Fault::Lost))) => {
                desk.answer(&method, &path, &query, &headers, &body, &door.time);
                (failed(502), None)
            }
            (None, Some((_, Fault::Held(held)))) => {
                (desk.answer(&method, &path, &query, &headers, &body, &door.time), Some(held))
            }
            (None, None) => (desk.answer(&method, &path, &query, &headers, &body, &door.time), None),
        }
    };
    if let Some(held) = held {
        door.held.send_modify(|held| *held += 1);
        // Whoever drops the other end lets it go as well.
        let _ = held.await;
    }
    answer
}

fn failed(status: u16) -> Response {
    let status = StatusCode::from_u16(status).unwrap();
    (status, Json(json!({"error": {"type": "api_error", "message": "mara@example.com"}}))).into_response()
}

impl Desk {
    fn answer(
        &mut self,
        method: &Method,
        path: &str,
        query: &Query,
        headers: &HeaderMap,
        body: &Value,
        time: &Time,
    ) -> Response {
        let header = |name: &str| headers.get(name).map_or("", |value| value.to_str().unwrap());
        if path == "/.well-known/jwks.json" {
            return Json(self.keys.clone()).into_response();
        }
        if path == "/drive/v3/files" {
            let folder = query["q"].split('\'').nth(1).unwrap();
            return match self.files.get(folder) {
                Some(files) => Json(json!({ "files": files })).into_response(),
                None => failed(404),
            };
        }
        if header("authorization") != format!("Bearer {KEY}") || header("api-version-date").is_empty() {
            return failed(401);
        }
        let steps: Vec<&str> = path.trim_start_matches('/').split('/').collect();
        if method == Method::GET {
            return self.read(&steps, query);
        }
        let (key, request) = (header("idempotency-key").to_owned(), format!("{path} {body}"));
        match self.done.get(&key) {
            _ if key.is_empty() => return failed(400),
            Some((known, _)) if *known != request => return failed(422),
            Some((_, answer)) => return Json(answer.clone()).into_response(),
            None => {}
        }
        match self.write(&steps, body, time) {
            Some(answer) => {
                self.done.insert(key, (request, answer.clone()));
                Json(answer).into_response()
            }
            None => failed(404),
        }
    }

    fn list<'a>(&'a self, kind: &'a str) -> impl Iterator<Item = (&'a String, &'a Value)> {
        self.things.iter().filter(move |((of, _), _)| *of == kind).map(|((_, id), thing)| (id, thing))
    }

    fn read(&self, steps: &[&str], query: &Query) -> Response {
        match steps {
            ["webhooks", ..] if self.hides_hooks => failed(403),
            ["webhooks"] => {
                let hook = self.hook.iter().map(|url| json!({"id": "hook_1", "url": url, "enabled": true}));
                self.page(hook.collect(), query)
            }
            ["webhooks", _, "deliveries"] => self.page(self.deliveries.clone(), query),
            ["users", user, "access", product] => {
                let has = self.list("memberships").any(|(_, one)| {
                    one["user_id"] == *user && one["product_id"] == *product && one["status"] == "active"
                });
                let is_team = self.team.contains(&((*user).to_owned(), (*product).to_owned()));
                Json(json!({"has_access": has || is_team, "access_level": "admin"})).into_response()
            }
            ["members"] => {
                let of = |one: &Value| query["query"] == one["email"].as_str().unwrap();
                self.page(self.list("members").map(|(_, one)| one.clone()).filter(of).collect(), query)
            }
            [kind @ ("memberships" | "payments")] => {
                assert_eq!(query["account_id"], ACCOUNT);
                let is_asked = |one: &Value| {
                    query.get("user_id").is_none_or(|user| one["user_id"] == **user)
                        && query
                            .get("created_after")
                            .is_none_or(|time| one["created_at"].as_str().unwrap() > time.as_str())
                };
                self.page(self.list(kind).map(|(_, one)| one.clone()).filter(is_asked).collect(), query)
            }
            ["memberships", key] if key.starts_with("KEY-") => {
                match self.list("memberships").find(|(_, one)| one["license_key"] == *key) {
                    Some((_, found)) => Json(found.clone()).into_response(),
                    None => failed(404),
                }
            }
            [kind, id] => match self.list(kind).find(|(of, _)| of == id) {
                Some((_, found)) => Json(found.clone()).into_response(),
                None => failed(404),
            },
            _ => failed(400),
        }
    }

    fn page(&self, all: Vec<Value>, query: &Query) -> Response {
        let id = |one: &Value| one["id"].as_str().unwrap().to_owned();
        let begin = match query.get("after") {
            None => 0,
            Some(after) => match all.iter().position(|one| id(one) == *after) {
                Some(at) => at + 1,
                None => return failed(400),
            },
        };
        let page: Vec<Value> = all[begin..].iter().take(self.page).cloned().collect();
        let more = begin + page.len() < all.len();
        let end = page.last().map(id);
        Json(json!({"data": page, "page_info": {"end_cursor": end, "has_next_page": more}})).into_response()
    }

    fn write(&mut self, steps: &[&str], body: &Value, time: &Time) -> Option<Value> {
        match steps {
            ["memberships", id, "cancel"] => {
                let membership = self.things.get_mut(&("memberships", (*id).to_owned()))?;
                assert_eq!(body["cancel_at_period_end"], true, "else it would end at once");
                membership["cancel_at_period_end"] = json!(true);
                membership["canceled_at"] = json!(time.now());
                membership["updated_at"] = json!(time.now());
                Some(membership.clone())
            }
            ["support_channels"] => Some(json!({"id": format!("feed_{}", body["user_id"].as_str()?)})),
            ["messages"] => {
                let text = |name: &str| body[name].as_str().map(str::to_owned);
                self.messages.push((text("channel_id")?, text("content")?));
                Some(json!({"id": format!("post_{}", self.messages.len())}))
            }
            ["checkout_configurations"] => {
                self.checkouts.push(body.clone());
                let number = self.checkouts.len();
                Some(
                    json!({"id": format!("ch_{number}"), "purchase_url": format!("https://whop.com/checkout/{number}")}),
                )
            }
            _ => None,
        }
    }
}
