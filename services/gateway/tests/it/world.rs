//! A gateway, its services, and a client that talks to it.

use std::time::Duration;

use axum::{Router, routing::get};
use chassis::{Context, Server};
use domain::token::{Claims, Keys, Purpose};
use jiff::Timestamp;
use reqwest::{Client, Method, RequestBuilder, Response};
use serde_json::Value;

use crate::{
    backend::Backend,
    whop::{Whop, token_of},
};

pub(crate) const SESSION: &str = "/api/chatkit/session";
pub(crate) const REFRESH: &str = "/api/chatkit/refresh";
pub(crate) const CHAT: &str = "/chatkit";
pub(crate) const EVENTS: &str = "/webhooks/ajd/chat-events";
pub(crate) const CALCOM: &str = "/webhooks/calcom";
pub(crate) const STRIPE: &str = "/webhooks/stripe";
pub(crate) const WHOP: &str = "/webhooks/whop";
pub(crate) const ACTIONS: &str = "/api/portal/actions";
pub(crate) const MEMBERSHIP: &str = "/api/portal/membership";
/// Header that Whop's proxy adds.
pub(crate) const TOKEN: &str = "x-whop-user-token";
pub(crate) const DEVICE: &str = "5f0c6f1e-8a57-4c0b-9a55-3c0b6f2f9e11";
pub(crate) const OPERATOR: &str = "an-operators-token";
/// A route of these tests that panics.
pub(crate) const PANIC: &str = "/api/test/panic";

/// Everything that a test needs; what it started ends with it.
pub(crate) struct World {
    pub(crate) backend: Backend,
    pub(crate) keys: Keys,
    pub(crate) base: String,
    client: Client,
    started: [Context; 2],
}

/// An answer, read.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: reqwest::header::HeaderMap,
    pub(crate) text: String,
}

// === impl World ===

impl World {
    pub(crate) async fn start() -> Self {
        Self::with(&[]).await
    }

    /// With these settings over those of a local run.
    pub(crate) async fn with(settings: &[(&str, &str)]) -> Self {
        let backend = Backend::default();
        let ctx = Context::new("backend", false);
        let services = backend.serve(ctx.clone()).await;
        let whop = Whop(backend.clone()).serve(ctx.clone()).await;
        let keys = Keys::generate();
        let own = [
            ("CHAT_AGENT_ADDR", services.as_str()),
            ("SESSION_BROKER_ADDR", services.as_str()),
            ("SHEETS_WRITER_ADDR", services.as_str()),
            ("BOOKING_PAYMENTS_ADDR", services.as_str()),
            ("OPS_COPILOT_ADDR", services.as_str()),
            ("WHOP_GATEWAY_ADDR", whop.as_str()),
            ("TOKEN_KEYS", keys.as_str()),
            ("OPERATOR_TOKEN", OPERATOR),
            ("MCP_TOKENS", crate::mcp::TOKENS),
        ];
        let pairs = own.iter().chain(settings).map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        let vars: chassis::Vars = pairs.collect();
        let config = chassis::config::load::<gateway::Config>(&vars, Vec::new()).unwrap();
        let gateway = Context::new(gateway::NAME, vars.is_cloud());
        let router = gateway::router_with(&config, &gateway, panicking()).unwrap();
        let listener = chassis::bind([127, 0, 0, 1].into(), 0).await.unwrap();
        let base = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(chassis::serve(listener, Server::Http(router), gateway.clone()));
        let client = Client::builder().timeout(Duration::from_secs(20)).build().unwrap();
        Self { backend, keys: keys.parse().unwrap(), base, client, started: [gateway, ctx] }
    }

    pub(crate) fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.client.request(method, format!("{}{path}", self.base))
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        Answer::of(self.request(Method::GET, path)).await
    }

    /// A JSON body.
    pub(crate) fn post(&self, path: &str, body: impl Into<String>) -> RequestBuilder {
        self.request(Method::POST, path).header("content-type", "application/json").body(body.into())
    }

    /// A client secret of a session of our own.
    pub(crate) fn secret(&self) -> String {
        self.secret_of(None)
    }

    /// The same of a member's session.
    pub(crate) fn secret_of(&self, user: Option<&str>) -> String {
        let claims = Claims {
            whop_user: user.map(str::to_owned),
            subject: "vis_1".into(),
            workflow: Some("lead-concierge".into()),
            session_id: Some("ses_1".into()),
            ..Claims::default()
        };
        self.keys.seal_claims(Purpose::ClientSecret, claims, Timestamp::now())
    }

    /// As Whop's proxy passes it on for this user.
    pub(crate) fn through_whop(&self, user: &str, method: Method, path: &str) -> RequestBuilder {
        self.request(method, path).header(TOKEN, token_of(user)).header("sec-fetch-site", "same-origin")
    }

    /// A request of the chat.
    pub(crate) fn talk(&self, body: impl Into<String>) -> RequestBuilder {
        self.post(CHAT, body).bearer_auth(self.secret())
    }

    pub(crate) async fn session(&self, body: &str) -> Answer {
        Answer::of(self.post(SESSION, body)).await
    }
}

impl Drop for World {
    fn drop(&mut self) {
        self.started.iter().for_each(|context| context.shutdown.cancel());
        if !std::thread::panicking() {
            let notes = self.backend.notes();
            assert!(
                notes.sessions.is_empty()
                    && notes.events.is_empty()
                    && notes.chats.is_empty()
                    && notes.tools.lists.is_empty()
                    && notes.tools.calls.is_empty()
                    && notes.refusals.is_empty()
                    && notes.till.webhooks.is_empty()
                    && notes.till.pages.is_empty()
                    && notes.whop.users.is_empty()
                    && notes.whop.memberships.is_empty()
                    && notes.whop.actions.is_empty()
                    && notes.whop.refusals.is_empty()
                    && notes.forgetting.script.is_empty(),
                "a scripted answer was never asked for"
            );
        }
    }
}

fn panicking() -> Router {
    Router::new().route(PANIC, get(|| async { panic!("canary of a panic") as &'static str }))
}

// === impl Answer ===

impl Answer {
    pub(crate) async fn of(request: RequestBuilder) -> Self {
        let response: Response = request.send().await.unwrap();
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        Self { status, headers, text: response.text().await.unwrap() }
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap()
    }

    /// The header's values, joined; empty if it is not there.
    pub(crate) fn header(&self, name: &str) -> String {
        self.headers.get_all(name).iter().map(|value| value.to_str().unwrap()).collect::<Vec<_>>().join(", ")
    }

    /// Checks that this is a whole problem document, and answers its `error`.
    #[track_caller]
    pub(crate) fn problem(&self, status: u16, reason: &str) -> String {
        assert_eq!(self.status, status, "{self:?}");
        assert_eq!(self.header("content-type"), "application/problem+json", "{self:?}");
        assert_eq!(self.header("cache-control"), "no-store");
        let document = self.json();
        assert_eq!(document["status"], status);
        assert_eq!(document["reason"], reason);
        assert_eq!(document["type"], format!("/docs#{reason}"));
        assert_eq!(document["request_id"], self.header("x-request-id"));
        assert!(!document["title"].as_str().unwrap().is_empty());
        assert!(!document["detail"].as_str().unwrap().is_empty());
        let error = document["error"].as_str().unwrap();
        assert!(!error.is_empty() && !error.contains('\n'));
        error.to_owned()
    }
}
