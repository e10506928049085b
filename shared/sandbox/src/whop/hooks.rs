//! The account's webhook, what became of its deliveries, and sending them again.
//!
//! The invariant: every attempt is listed, the lost ones as deliveries that reached nobody; what is held back is on its
//! way yet, and is not.

use axum::http::StatusCode;
use serde_json::{Value, json};

use super::{
    WHOP_ACCOUNT_ID,
    ask::{Body, Query},
    error::{Refusal, Taken},
    list::{Page, direct},
    notice::EVENTS,
    version::Version,
    view::{maybe, time},
    world::OPENED,
};
use crate::{
    Delivery, Outcome, Provider, Sandbox,
    webhooks::{Replays, is_fine},
};

/// The one webhook.
pub(super) const HOOK: &str = "hook_frontdesk0001";

fn attempts(sandbox: &Sandbox) -> Vec<Delivery> {
    let mut log = sandbox.webhooks(Provider::Whop).log();
    log.retain(|sent| !matches!(sent.outcome, Outcome::Held | Outcome::NoEndpoint));
    log.reverse();
    log
}

/// The webhook, if there is somebody to be told.
fn webhook(sandbox: &Sandbox) -> Option<Value> {
    let url = sandbox.webhooks(Provider::Whop).url()?;
    let log = attempts(sandbox);
    let firsts = || log.iter().filter(|sent| sent.attempt <= 1);
    let failing: Vec<&Delivery> = firsts().take_while(|sent| !is_fine(&sent.outcome)).collect();
    Some(json!({
        "id": HOOK, "url": url, "api_version": "v1", "api_version_date": sandbox.club().generation().pinned(),
        "child_resource_events": false, "consecutive_failures": failing.len(), "enabled": true, "events": EVENTS,
        "failing_since": maybe(failing.last().map(|sent| sent.at)), "disabled_at": null, "disabled_reason": null,
        "last_failure_at": maybe(failing.first().map(|sent| sent.at)), "resource_id": WHOP_ACCOUNT_ID,
        "created_at": OPENED,
    }))
}

fn delivery(sent: &Delivery) -> Value {
    let request: Value = serde_json::from_slice(&sent.body).unwrap_or_default();
    let answer = match serde_json::from_slice::<Value>(&sent.answer) {
        Ok(answer @ Value::Object(_)) => answer,
        _ if sent.answer.is_empty() => Value::Null,
        _ => json!({"error": "invalid_json",
            "raw_body": String::from_utf8_lossy(&sent.answer[..sent.answer.len().min(100)])}),
    };
    let code = match sent.outcome {
        Outcome::Answered(status) => status,
        _ => 0,
    };
    json!({
        "id": sent.delivery, "event": sent.kind, "replayed_from": sent.replayed_from,
        "resource_id": request["data"]["id"], "request_body": request, "response_body": answer, "response_code": code,
        "sent_at": time(sent.at), "success": is_fine(&sent.outcome), "total_time": sent.took.as_secs_f64(),
    })
}

fn known(sandbox: &Sandbox, id: &str) -> Taken<Value> {
    webhook(sandbox).filter(|_| id == HOOK).ok_or_else(|| Refusal::no_such("Webhook"))
}

/// `GET /webhooks`, `GET /webhooks/{id}` and `GET /webhooks/{id}/deliveries`.
pub(super) fn read(sandbox: &Sandbox, steps: &[&str], mut query: Query, version: Version) -> Taken<Value> {
    version.dated_only("webhooks")?;
    match steps {
        [] => {
            let account = query.text("account_id")?;
            let mut all: Vec<Value> = webhook(sandbox).into_iter().collect();
            if account.is_some_and(|account| account != WHOP_ACCOUNT_ID) {
                all.clear();
            }
            if let Some(failing) = query.flag("has_failures")? {
                all.retain(|one| (one["consecutive_failures"] != 0) == failing);
            }
            // The app has none of its own.
            query.flag("include_app_webhooks")?;
            let page = Page::of(&mut query)?;
            query.end(&["app_id"])?;
            page.cut(&all, |_| HOOK, |one| Ok(one.clone()))
        }
        [id] => {
            query.end(&[])?;
            let mut webhook = known(sandbox, id)?;
            webhook["testable_events"] = json!(EVENTS);
            Ok(webhook)
        }
        [id, "deliveries"] => {
            known(sandbox, id)?;
            let mut all = attempts(sandbox);
            direct(&mut query, &mut all)?;
            let page = Page::of(&mut query)?;
            query.end(&[])?;
            page.cut(&all, |one| &one.delivery, |one| Ok(delivery(one)))
        }
        _ => Err(Refusal::of_status(StatusCode::NOT_FOUND)),
    }
}

/// `POST /webhooks/{id}/deliveries/{delivery}/replay` and `POST /webhooks/{id}/replay`.
pub(super) async fn replay(sandbox: &Sandbox, steps: &[&str], mut body: Body) -> Taken<Value> {
    match steps {
        [id, "deliveries", delivery, "replay"] => {
            known(sandbox, id)?;
            let new_id = body.flag("regenerate_id")?.unwrap_or(false);
            body.end(&[])?;
            let replayed = sandbox.replay(Provider::Whop, delivery, new_id).await;
            let replayed = replayed.ok_or_else(|| Refusal::no_such("Webhook delivery"))?;
            let success = (200..300).contains(&replayed.status);
            Ok(
                json!({"status": replayed.status, "success": success, "body": String::from_utf8_lossy(&replayed.body)}),
            )
        }
        [id, "replay"] => {
            known(sandbox, id)?;
            let wanted = Replays {
                after: body.time("sent_after")?.ok_or_else(|| Refusal::bad("sent_after is required"))?,
                before: body.time("sent_before")?.unwrap_or_else(jiff::Timestamp::now),
                events: body.texts("events")?,
                failed_only: body.flag("failed_only")?.unwrap_or(false),
                new_ids: body.flag("regenerate_ids")?.unwrap_or(false),
            };
            body.end(&[])?;
            sandbox.replay_all(Provider::Whop, &wanted);
            Ok(json!({"queued": true}))
        }
        _ => Err(Refusal::of_status(StatusCode::NOT_FOUND)),
    }
}
