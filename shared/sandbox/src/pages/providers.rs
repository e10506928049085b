//! Bookings, checkouts, members and webhooks as tables, with buttons that make the providers do things.
//!
//! The invariant: every text that came from outside goes through [`escape`] before it is HTML, and a button does what
//! a person at the provider could do.

mod act;
mod members;

use std::fmt::Write as _;

use axum::{
    Router,
    extract::State,
    http::StatusCode,
    response::{Html, IntoResponse as _, Response},
    routing::get,
};
use serde_json::{Value, json};

use super::{guard, table::escape, typed};
use crate::{Mishap, Outcome, Provider, Sandbox, stripe};

const PAGE: &str = include_str!("providers.html");
const SCRIPT: &str = include_str!("providers.js");
/// Somebody without a chat.
const STRANGER: &str = "<section class=\"tab\" id=\"Stranger\"><p class=\"does\"><button type=\"button\" data-do=\"{&quot;do&quot;:&quot;book&quot;}\">A stranger books on Cal.com's public page</button></p></section>";
/// The most rows of a table; the newest are kept.
const SHOWN: usize = 100;

/// The routes under `/sandbox/providers`.
pub(super) fn router() -> Router<Sandbox> {
    Router::new()
        .route("/sandbox/providers", get(show).post(act::answer))
        .route("/sandbox/providers.js", get(|| async { typed("text/javascript; charset=utf-8", SCRIPT) }))
}

async fn show(State(sandbox): State<Sandbox>) -> Response {
    match tokio::task::spawn_blocking(move || page(&sandbox)).await {
        Ok(Ok(tables)) => Html(PAGE.replacen("{{tables}}", &tables, 1)).into_response(),
        _ => guard::problem(StatusCode::INTERNAL_SERVER_ERROR, "the providers could not be read"),
    }
}

/// A row: its texts, and its buttons as label and action.
type Row = (Vec<String>, Vec<(&'static str, Value)>);

fn page(sandbox: &Sandbox) -> Result<String, Mishap> {
    let mut html = String::from(STRANGER);
    write_table(&mut html, "Bookings", &["start", "who", "status", "uid"], bookings(sandbox));
    let columns = ["made", "item", "amount", "status", "paid", "reference", "id"];
    write_table(&mut html, "Checkouts", &columns, checkouts(sandbox)?);
    write_table(&mut html, "Payments", &["amount", "refunded", "status", "id"], payments(sandbox)?);
    write_table(&mut html, "Disputes", &["amount", "status", "id"], disputes(sandbox)?);
    write_table(&mut html, "Subscriptions", &["status", "until", "id"], subscriptions(sandbox)?);
    write_table(&mut html, "People", &["name", "id"], members::people(sandbox)?);
    let columns = ["user", "plan", "status", "until", "licence", "id"];
    write_table(&mut html, "Members", &columns, members::memberships(sandbox)?);
    let columns = ["user", "amount", "refunded", "status", "in short", "id"];
    write_table(&mut html, "Member payments", &columns, members::payments(sandbox)?);
    write_table(&mut html, "Member disputes", &["payment", "status", "id"], members::disputes(sandbox)?);
    write_table(&mut html, "Whop speaks", &["webhooks"], vec![members::speech(sandbox)]);
    write_table(&mut html, "Webhooks", &["provider", "way", "held", "under way"], ways(sandbox));
    write_table(
        &mut html,
        "Deliveries",
        &["provider", "type", "attempt", "outcome", "id"],
        deliveries(sandbox),
    );
    Ok(html)
}

fn write_table(html: &mut String, title: &str, columns: &[&str], mut rows: Vec<Row>) {
    rows.truncate(SHOWN);
    let (count, id) = (rows.len(), title.replace(' ', "-"));
    write!(html, "<section class=\"tab\" id=\"{id}\"><div class=\"scroll\" tabindex=\"0\" role=\"region\" aria-label=\"{title}\"><table><caption><span class=\"name\">{title}</span> <span class=\"count\">{count}</span></caption><thead><tr>")
        .expect("a string takes everything");
    for column in columns {
        html.push_str(&format!("<th scope=\"col\" class=\"plain\">{column}</th>"));
    }
    html.push_str(
        "<th scope=\"col\" class=\"plain\"><span class=\"unseen\">Actions</span></th></tr></thead><tbody>",
    );
    for (texts, buttons) in rows {
        html.push_str("<tr>");
        for text in texts {
            html.push_str(&format!("<td>{}</td>", escape(&text)));
        }
        html.push_str("<td class=\"does\">");
        for (label, action) in buttons {
            let action = escape(&action.to_string());
            html.push_str(&format!("<button type=\"button\" data-do=\"{action}\">{label}</button>"));
        }
        html.push_str("</td></tr>");
    }
    if count == 0 {
        html.push_str(&format!(
            "<tr class=\"none\"><td colspan=\"{}\">None yet</td></tr>",
            columns.len() + 1
        ));
    }
    html.push_str("</tbody></table></div></section>");
}

fn text(value: &Value, pointer: &str) -> String {
    value.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned()
}

/// A time in unix seconds, as people read it.
fn time(value: &Value) -> String {
    let at = value.as_i64().and_then(|at| jiff::Timestamp::from_second(at).ok());
    at.map(|at| at.to_string()).unwrap_or_default()
}

fn money(object: &Value, field: &str) -> String {
    let currency = text(object, "/currency");
    stripe::written(object[field].as_i64().unwrap_or_default(), &currency) + " " + &currency.to_uppercase()
}

fn bookings(sandbox: &Sandbox) -> Vec<Row> {
    let row = |booking: Value| {
        let uid = text(&booking, "/uid");
        let living = matches!(booking["status"].as_str(), Some("accepted" | "pending"));
        let action = |what: &str| json!({"do": what, "id": uid});
        let mut buttons = Vec::new();
        if living {
            buttons.push(("Reschedule", action("reschedule")));
            buttons.push(("Cancel", action("cancel")));
            buttons.push(("No-show", action("no_show")));
        }
        let texts = ["/start", "/attendees/0/name", "/status", "/uid"];
        (texts.map(|at| text(&booking, at)).to_vec(), buttons)
    };
    sandbox.calendar().bookings().into_iter().rev().map(row).collect()
}

fn checkouts(sandbox: &Sandbox) -> Result<Vec<Row>, Mishap> {
    let row = |session: Value| {
        let id = text(&session, "/id");
        let action = |what: &str| json!({"do": what, "id": id});
        let mut buttons = Vec::new();
        if session["status"] == "open" {
            buttons.push(("Pay", action("pay")));
            buttons.push(("Let fail", action("fail")));
            if session["mode"] == "payment" {
                buttons.push(("Pay later", action("pay_later")));
            }
            buttons.push(("Expire", action("expire")));
        } else if session["status"] == "complete" && session["payment_status"] == "unpaid" {
            buttons.push(("Settle", json!({"do": "settle", "id": id, "fine": true})));
            buttons.push(("Bounce", json!({"do": "settle", "id": id, "fine": false})));
        }
        let status = |at: &str| text(&session, at);
        let texts = vec![
            time(&session["created"]),
            sandbox.till().sold(&id),
            money(&session, "amount_total"),
            status("/status"),
            status("/payment_status"),
            status("/client_reference_id"),
            id,
        ];
        (texts, buttons)
    };
    Ok(newest(sandbox, "checkout.session")?.into_iter().map(row).collect())
}

fn newest(sandbox: &Sandbox, kind: &str) -> Result<Vec<Value>, Mishap> {
    let mut all = sandbox.till().all(kind)?;
    all.truncate(SHOWN);
    Ok(all)
}

fn payments(sandbox: &Sandbox) -> Result<Vec<Row>, Mishap> {
    let row = |charge: Value| {
        let intent = text(&charge, "/payment_intent");
        let mut buttons = Vec::new();
        if charge["status"] == "succeeded" && charge["disputed"] == false && charge["refunded"] == false {
            let left = charge["amount"].as_i64().unwrap_or_default()
                - charge["amount_refunded"].as_i64().unwrap_or_default();
            buttons.push(("Refund", json!({"do": "refund", "id": intent})));
            if left > 1 {
                buttons.push(("Refund half", json!({"do": "refund", "id": intent, "amount": left / 2})));
            }
            buttons.push(("Dispute", json!({"do": "dispute", "id": intent})));
        }
        let texts = vec![
            money(&charge, "amount"),
            money(&charge, "amount_refunded"),
            text(&charge, "/status"),
            intent,
        ];
        (texts, buttons)
    };
    Ok(newest(sandbox, "charge")?.into_iter().map(row).collect())
}

fn disputes(sandbox: &Sandbox) -> Result<Vec<Row>, Mishap> {
    let row = |dispute: Value| {
        let id = text(&dispute, "/id");
        let end = |won: bool| json!({"do": "close_dispute", "id": id, "won": won});
        let buttons = match dispute["status"].as_str() {
            Some("needs_response") => vec![("Win", end(true)), ("Lose", end(false))],
            _ => Vec::new(),
        };
        (vec![money(&dispute, "amount"), text(&dispute, "/status"), id], buttons)
    };
    Ok(newest(sandbox, "dispute")?.into_iter().map(row).collect())
}

fn subscriptions(sandbox: &Sandbox) -> Result<Vec<Row>, Mishap> {
    let row = |subscription: Value| {
        let id = text(&subscription, "/id");
        let renew = |fine: bool| json!({"do": "renew", "id": id, "fine": fine});
        let mut buttons = Vec::new();
        if subscription["status"] != "canceled" {
            buttons.push(("Renew", renew(true)));
            buttons.push(("Renewal fails", renew(false)));
            buttons.push(("End", json!({"do": "end", "id": id})));
        }
        let until = time(&subscription["items"]["data"][0]["current_period_end"]);
        (vec![text(&subscription, "/status"), until, id], buttons)
    };
    Ok(newest(sandbox, "subscription")?.into_iter().map(row).collect())
}

fn ways(sandbox: &Sandbox) -> Vec<Row> {
    let row = |provider: Provider| {
        let webhooks = sandbox.webhooks(provider);
        let way = |way: &str| json!({"do": "webhooks", "provider": provider, "way": way});
        let buttons = vec![
            ("Deliver", way("deliver")),
            ("Send twice", way("duplicate")),
            ("Lose", way("lose")),
            ("Hold back", way("hold")),
            ("Release", way("release")),
            ("Deliver the lost", way("resend_lost")),
        ];
        let texts = vec![
            name(provider).to_owned(),
            webhooks.way().to_owned(),
            webhooks.held().len().to_string(),
            webhooks.under_way().to_string(),
        ];
        (texts, buttons)
    };
    [Provider::CalCom, Provider::Stripe, Provider::Whop].map(row).to_vec()
}

fn deliveries(sandbox: &Sandbox) -> Vec<Row> {
    let mut rows = Vec::new();
    for provider in [Provider::Stripe, Provider::CalCom, Provider::Whop] {
        for sent in sandbox.webhooks(provider).log().into_iter().rev().take(SHOWN / 2) {
            let outcome = match sent.outcome {
                Outcome::Answered(status) => format!("answered {status}"),
                Outcome::Unanswered => "not answered".to_owned(),
                Outcome::Lost => "lost".to_owned(),
                Outcome::Held => "held back".to_owned(),
                Outcome::NoEndpoint => "no endpoint".to_owned(),
            };
            let again = json!({"do": "resend", "provider": provider, "id": sent.id});
            let texts =
                vec![name(provider).to_owned(), sent.kind, sent.attempt.to_string(), outcome, sent.id];
            rows.push((texts, vec![("Send again", again)]));
        }
    }
    rows
}

fn name(provider: Provider) -> &'static str {
    match provider {
        Provider::CalCom => "Cal.com",
        Provider::Stripe => "Stripe",
        Provider::OpenAi => "OpenAI",
        Provider::Sheets => "Sheets",
        Provider::Whop => "Whop",
        Provider::Drive => "Drive",
        Provider::Slack => "Slack",
        Provider::Smtp => "mail",
    }
}
