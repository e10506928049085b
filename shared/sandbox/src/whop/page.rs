//! The page behind a `purchase_url`: what is sold, who buys it, and buttons for how the payment ends.
//!
//! It needs no script. The invariant: it answers this machine only, and everything that came from outside is escaped.

use std::fmt::Write as _;

use axum::{
    Router,
    body::Bytes,
    extract::{Path, Request, State},
    http::{HeaderValue, StatusCode, header},
    middleware::{self, Next},
    response::{Html, IntoResponse, Redirect, Response},
    routing::get,
};

use super::{view::decimal, world::CURRENCY};
use crate::{
    Mishap, Sandbox,
    pages::{escape, is_local, problem},
};

const PAGE: &str = include_str!("buy.html");
/// No `form-action`: browsers hold it against the redirect that follows, too.
const POLICY: &str = "default-src 'none'; style-src 'self'; base-uri 'none'; frame-ancestors 'none'";

/// The routes under `/whop/checkout`.
pub(crate) fn router(sandbox: Sandbox) -> Router {
    Router::new()
        .route("/whop/checkout/{id}", get(show).post(act))
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
        (header::REFERRER_POLICY, "same-origin"),
        (header::CACHE_CONTROL, "no-store"),
    ] {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    response
}

async fn show(State(sandbox): State<Sandbox>, Path(id): Path<String>) -> Response {
    page(sandbox, id, String::new()).await
}

async fn page(sandbox: Sandbox, id: String, note: String) -> Response {
    let look = move || Ok::<_, Mishap>((sandbox.club().link(&id)?, sandbox.club().people()?));
    match tokio::task::spawn_blocking(look).await {
        Ok(Ok(((_, title, price), people))) => Html(render(&title, price, &people, &note)).into_response(),
        Ok(Err(_)) => problem(StatusCode::NOT_FOUND, "there is no such link"),
        Err(_) => problem(StatusCode::INTERNAL_SERVER_ERROR, "the link was not read"),
    }
}

fn render(title: &str, price: i64, people: &[(String, String)], note: &str) -> String {
    let mut options = String::new();
    for (id, name) in people {
        write!(options, "<option value=\"{}\">{}</option>", escape(id), escape(name))
            .expect("a string takes everything");
    }
    let amount = format!("{} {}", decimal(price), CURRENCY.to_uppercase());
    let page = PAGE.replace("{{amount}}", &amount).replace("{{title}}", &escape(title));
    // Last, so that nothing in a name is taken for a place to fill.
    page.replacen("{{note}}", &escape(note), 1).replacen("{{people}}", &options, 1)
}

async fn act(State(sandbox): State<Sandbox>, Path(id): Path<String>, body: Bytes) -> Response {
    let mut pressed = std::collections::HashMap::<String, String>::new();
    pressed.extend(url::form_urlencoded::parse(&body).into_owned());
    let field = |name: &str| pressed.get(name).cloned().unwrap_or_default();
    let (user, is_bought) = match field("button").as_str() {
        "buy" => (field("user"), true),
        "fail" => (field("user"), false),
        _ => return problem(StatusCode::BAD_REQUEST, "button must be buy or fail"),
    };
    let (club, link) = (sandbox.clone(), id.clone());
    let done = tokio::task::spawn_blocking(move || {
        if is_bought { club.club().buy(&link, &user) } else { club.club().fail_to_buy(&link, &user) }?;
        club.club().link(&link)
    });
    match done.await {
        Ok(Ok((checkout, ..))) if is_bought => match checkout.redirect_url.map(HeaderValue::try_from) {
            Some(Ok(to)) => Redirect::to(to.to_str().unwrap_or("/")).into_response(),
            _ => page(sandbox, id, "Bought. The membership has begun.".to_owned()).await,
        },
        Ok(Ok(_)) => page(sandbox, id, "The card was declined.".to_owned()).await,
        Ok(Err(mishap)) => problem(StatusCode::BAD_REQUEST, &mishap.to_string()),
        Err(_) => problem(StatusCode::INTERNAL_SERVER_ERROR, "the purchase was not made"),
    }
}
