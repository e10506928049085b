//! Where an app is looked at: a page of another origin with the proxied portal in a frame, as whop.com has it, and user
//! tokens for those who try the portal from outside.
//!
//! The invariant: it answers this machine only, with the other pages under `/sandbox`.

use std::fmt::Write as _;

use axum::{
    Json, Router,
    extract::{Query, State, rejection::JsonRejection},
    http::{HeaderValue, StatusCode, header},
    response::{Html, IntoResponse as _, Response},
    routing::{get, post},
};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::token::{Signer, UserToken};
use crate::{
    Mishap, Sandbox,
    pages::{escape, problem},
};

const PAGE: &str = include_str!("app.html");

/// The routes under `/sandbox/whop`.
pub(crate) fn router() -> Router<Sandbox> {
    Router::new()
        .route("/sandbox/whop/app", get(show))
        .route("/sandbox/whop/token", post(mint))
        .route("/sandbox/whop/keys", post(turn))
}

/// Who looks; nobody: somebody who is not known.
#[derive(Deserialize)]
struct Looking {
    user: Option<String>,
}

async fn show(State(sandbox): State<Sandbox>, Query(looking): Query<Looking>) -> Response {
    let port = sandbox.0.whop.proxy_port();
    let Ok(Ok(people)) = tokio::task::spawn_blocking(move || sandbox.club().people()).await else {
        return problem(StatusCode::INTERNAL_SERVER_ERROR, "the people could not be read");
    };
    let user = people.iter().map(|(id, _)| id).find(|id| Some(*id) == looking.user.as_ref());
    let (frame, policy) = match port {
        None => (
            "<p class=\"none\">The proxy before the app does not listen here.</p>".to_owned(),
            "'none'".to_owned(),
        ),
        Some(port) => {
            let label = user.map(|id| format!("{}.", id.trim_start_matches("user_"))).unwrap_or_default();
            let frame = format!(
                "<iframe title=\"The app\" src=\"http://{}localhost:{port}/portal\"></iframe>",
                escape(&label)
            );
            (frame, format!("http://localhost:{port} http://*.localhost:{port}"))
        }
    };
    let page = PAGE.replacen("{{frame}}", &frame, 1).replacen("{{people}}", &links(&people, user), 1);
    let policy = format!(
        "default-src 'none'; style-src 'self'; frame-src {policy}; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    );
    let policy = HeaderValue::try_from(policy).expect("a port is plain ASCII");
    ([(header::CONTENT_SECURITY_POLICY, policy)], Html(page)).into_response()
}

fn links(people: &[(String, String)], user: Option<&String>) -> String {
    let mut links = String::new();
    let nobody = ("", "Nobody");
    let people = people.iter().map(|(id, name)| (id.as_str(), name.as_str()));
    for (id, name) in people.chain([nobody]) {
        let current = if id == user.map_or("", String::as_str) { " aria-current=\"page\"" } else { "" };
        write!(links, "<a href=\"/sandbox/whop/app?user={}\"{current}>{}</a>", escape(id), escape(name))
            .expect("a string takes everything");
    }
    links
}

/// A token that is wanted: for a user, with what is to be otherwise in it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Wanted {
    user: String,
    #[serde(default)]
    header: Map<String, Value>,
    #[serde(default)]
    claims: Map<String, Value>,
    #[serde(default)]
    signer: Signer,
    /// Signs with the bytes of this text in place of a key.
    secret: Option<String>,
}

async fn mint(State(sandbox): State<Sandbox>, wanted: Result<Json<Wanted>, JsonRejection>) -> Response {
    let Json(wanted) = match wanted {
        Ok(wanted) => wanted,
        Err(rejection) => return problem(StatusCode::BAD_REQUEST, &rejection.body_text()),
    };
    let mut token = UserToken::of(&wanted.user);
    token.header.extend(wanted.header);
    token.claims.extend(wanted.claims);
    token.signer = wanted.secret.map_or(wanted.signer, |secret| Signer::Secret(secret.into_bytes()));
    answer(tokio::task::spawn_blocking(move || sandbox.sign_user_token(&token)).await, "token")
}

/// What is to become of the keys.
#[derive(Deserialize)]
#[serde(tag = "do", rename_all = "snake_case", deny_unknown_fields)]
enum Turn {
    Rotate,
    Retire,
}

async fn turn(State(sandbox): State<Sandbox>, turn: Result<Json<Turn>, JsonRejection>) -> Response {
    let Json(turn) = match turn {
        Ok(turn) => turn,
        Err(rejection) => return problem(StatusCode::BAD_REQUEST, &rejection.body_text()),
    };
    let done = tokio::task::spawn_blocking(move || match turn {
        Turn::Rotate => sandbox.rotate_user_keys(),
        Turn::Retire => sandbox.retire_user_keys().map(|()| String::new()),
    });
    answer(done.await, "kid")
}

fn answer(done: Result<Result<String, Mishap>, tokio::task::JoinError>, name: &str) -> Response {
    match done {
        Ok(Ok(text)) => Json(json!({name: text})).into_response(),
        Ok(Err(mishap)) => problem(StatusCode::BAD_REQUEST, &mishap.to_string()),
        Err(_) => problem(StatusCode::INTERNAL_SERVER_ERROR, "it was not done"),
    }
}
