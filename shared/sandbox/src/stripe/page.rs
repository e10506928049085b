//! The page behind a session's `url`: what is sold, for how much, and buttons for how the payment ends.
//!
//! It needs no script. The invariant: it answers this machine only, and everything that came from outside is escaped.

use axum::{
    Router,
    body::Bytes,
    extract::{Path, Request, State},
    http::{HeaderValue, StatusCode, header},
    middleware::{self, Next},
    response::{Html, IntoResponse, Redirect, Response},
    routing::get,
};
use serde_json::Value;

use super::{
    form::{Form, Taken},
    money,
    shelf::text,
};
use crate::{
    Mishap, Sandbox,
    pages::{escape, is_local, problem},
};

const PAGE: &str = include_str!("pay.html");
const STYLE: &str = include_str!("pay.css");
/// No `form-action`: browsers hold it against the redirect to the shop, too.
const POLICY: &str = "default-src 'none'; style-src 'self'; base-uri 'none'; frame-ancestors 'none'";

/// The routes under `/stripe/pay`.
pub(crate) fn router(sandbox: Sandbox) -> Router {
    Router::new()
        .route("/stripe/pay/{id}", get(show).post(act))
        .route(
            "/stripe/pay.css",
            get(|| async { ([(header::CONTENT_TYPE, "text/css; charset=utf-8")], STYLE) }),
        )
        .layer(middleware::from_fn(pass))
        .with_state(sandbox)
}

async fn pass(request: Request, next: Next) -> Response {
    let mut response = match is_local(&request) {
        Ok(()) => next.run(request).await,
        Err(why) => problem(StatusCode::FORBIDDEN, why),
    };
    for (name, value) in [
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        // The form's own origin has to reach us; nobody else learns of the page.
        (header::REFERRER_POLICY, "same-origin"),
        (header::CACHE_CONTROL, "no-store"),
    ] {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    response
}

async fn show(State(sandbox): State<Sandbox>, Path(id): Path<String>) -> Response {
    page(sandbox, id, None).await
}

async fn page(sandbox: Sandbox, id: String, note: Option<String>) -> Response {
    let look = move || (sandbox.till().get(&id), sandbox.till().sold(&id));
    let (session, item) = match tokio::task::spawn_blocking(look).await {
        Ok((Ok(session), item)) if session["object"] == "checkout.session" => (session, item),
        Ok(_) => return (StatusCode::NOT_FOUND, Html(gone("There is no such link."))).into_response(),
        Err(_) => return problem(StatusCode::INTERNAL_SERVER_ERROR, "the link was not read"),
    };
    match text(&session, "status") {
        "open" => Html(render(&session, &item, note.as_deref().unwrap_or_default())).into_response(),
        "expired" => Html(gone("This link has expired.")).into_response(),
        _ => Html(gone("This link has been used.")).into_response(),
    }
}

fn gone(why: &str) -> String {
    let (head, _) = PAGE.split_once("<form").unwrap_or((PAGE, ""));
    let head = head.replace("{{name}}", "Nothing to pay").replace("{{amount}}", "").replace("{{every}}", "");
    format!("{}</main></html>", head.replace("{{note}}", why))
}

fn render(session: &Value, item: &str, note: &str) -> String {
    let currency = text(session, "currency");
    let amount = money::written(session["amount_total"].as_i64().unwrap_or_default(), currency);
    let every = if session["mode"] == "subscription" { "again each period" } else { "" };
    let page = PAGE
        .replace("{{amount}}", &escape(&format!("{amount} {}", currency.to_uppercase())))
        .replace("{{every}}", every)
        .replace("{{note}}", &escape(note))
        .replace("{{later}}", if every.is_empty() { "" } else { " hidden" })
        .replace("{{back}}", if session["cancel_url"].is_null() { " hidden" } else { "" })
        .replace("{{email}}", &escape(text(session, "customer_email")));
    // Last, so that nothing in a name is taken for a place to fill.
    page.replacen("{{name}}", &escape(item), 2)
}

/// What was pressed on the page, and the address that stood there.
fn pressed(body: &[u8]) -> Taken<(&'static str, String)> {
    let mut form = Form::parse(body)?;
    let button = form.one_of("button", &["pay", "fail", "later", "cancel"])?.unwrap_or("pay");
    // A field that was left empty is no address, and no mistake either.
    let email = form.text("email", 800).ok().flatten().unwrap_or_else(|| "payer@example.com".to_owned());
    form.end(&[])?;
    Ok((button, email.trim().to_owned()))
}

async fn act(State(sandbox): State<Sandbox>, Path(id): Path<String>, body: Bytes) -> Response {
    let (button, email) = match pressed(&body) {
        Ok(pressed) => pressed,
        Err(refusal) => return problem(StatusCode::BAD_REQUEST, &refusal.to_string()),
    };
    let (desk, session) = (sandbox.clone(), id.clone());
    let done = tokio::task::spawn_blocking(move || match button {
        "fail" => desk.till().fail(&session),
        "later" => desk.till().pay_async(&session, &email),
        "cancel" => desk.till().get(&session),
        _ => desk.till().pay(&session, &email),
    });
    let session = match done.await {
        Ok(Ok(session)) => session,
        Ok(Err(Mishap::Refused(why))) => return page(sandbox, id, Some(why)).await,
        _ => return problem(StatusCode::INTERNAL_SERVER_ERROR, "the payment was not made"),
    };
    let back = match button {
        "fail" => return page(sandbox, id, Some("The card was declined.".to_owned())).await,
        "cancel" => text(&session, "cancel_url").to_owned(),
        _ => text(&session, "success_url").replace("{CHECKOUT_SESSION_ID}", &id),
    };
    match HeaderValue::try_from(&back) {
        Ok(_) if !back.is_empty() => Redirect::to(&back).into_response(),
        _ => page(sandbox, id, None).await,
    }
}
