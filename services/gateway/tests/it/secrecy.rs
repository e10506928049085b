//! Nothing secret gets into a log.

use std::{
    io,
    sync::{Arc, Mutex},
};

use proto::session::v1::Session;
use tonic::Status;
use tracing_subscriber::{fmt::MakeWriter, prelude::*};

use crate::{
    backend::session,
    whop::token_of,
    world::{ACTIONS, Answer, CHAT, EVENTS, REFRESH, STRIPE, TOKEN, World},
};

#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl MakeWriter<'_> for Log {
    type Writer = Self;
    fn make_writer(&self) -> Self {
        self.clone()
    }
}

#[tokio::test]
async fn the_log_holds_no_secret() {
    let log = Log::default();
    let ours = tracing_subscriber::filter::filter_fn(|metadata| {
        ["gateway", "chassis"].iter().any(|name| metadata.target().starts_with(name))
    });
    let spans = tracing_subscriber::fmt::format::FmtSpan::FULL;
    let layer =
        tracing_subscriber::fmt::layer().with_writer(log.clone()).with_span_events(spans).with_filter(ours);
    tracing_subscriber::registry().with(layer).init();

    let world = World::start().await;
    let failing = Status::internal("canary-status");
    world.backend.notes().sessions.extend([
        Ok(Session { client_secret: "canary-minted".into(), ..session() }),
        Err(failing.clone()),
        Err(failing),
    ]);
    for _ in 0..3 {
        let body = r#"{"currentClientSecret":"canary-current","visitorToken":"canary-token"}"#;
        let call = world
            .post(&format!("{REFRESH}?key=canary-query"), body)
            .header("x-frontdesk-visitor", "canary-visitor");
        Answer::of(call).await;
    }
    let event =
        world.post(EVENTS, r#"{"message":"canary-message"}"#).header("x-frontdesk-secret", "canary-secret");
    assert_eq!(Answer::of(event).await.status, 202);
    world.backend.pages([Err(Status::internal("canary-page"))]);
    assert_eq!(world.get("/checkout/canary-token").await.status, 500);
    world.backend.notes().till.webhooks.push_back(Err(Status::internal("canary-refused")));
    let webhook =
        world.post(STRIPE, r#"{"id":"canary-event"}"#).header("stripe-signature", "canary-signature");
    assert_eq!(Answer::of(webhook).await.status, 500);
    Answer::of(world.post(CHAT, r#"{"say":"canary-said"}"#).bearer_auth("canary-bearer")).await;
    world.backend.says([
        crate::backend::event(r#"{"say":"canary-answered"}"#),
        Err(Status::internal("canary-broken")),
    ]);
    assert_eq!(Answer::of(world.talk(r#"{"say":"canary-said"}"#)).await.status, 200);

    for status in [Status::internal("canary-whop"), Status::unauthenticated("canary-whop")] {
        world.backend.notes().whop.users.push_back(Err(status));
        let forged = format!("{}canary-mac", token_of("canary-user"));
        let asked = world.request(reqwest::Method::GET, ACTIONS).header(TOKEN, forged);
        assert!(Answer::of(asked).await.status >= 400);
    }
    let token = token_of("canary-user");
    world.backend.notes().whop.memberships.push_back(Err(Status::internal("canary-membership")));
    world.backend.notes().whop.actions.push_back(Err(Status::internal("canary-actions")));
    let page = world.request(reqwest::Method::GET, "/portal").header(TOKEN, &token);
    assert_eq!(Answer::of(page).await.status, 200);
    world.backend.notes().whop.refusals.push_back(Status::internal("canary-ticket"));
    let said = r#"{"subject":"canary-subject","message":"canary-message"}"#;
    let ticket = world.post(&format!("{ACTIONS}/support"), said).header(TOKEN, &token);
    assert_eq!(Answer::of(ticket.header("idempotency-key", "canary-key")).await.status, 500);

    let session =
        world.keys.seal(domain::token::Purpose::ToolSession, "canary-visitor", jiff::Timestamp::now());
    for status in [Status::internal("canary-tool"), Status::invalid_argument("canary-tool")] {
        world.backend.notes().tools.calls.push_back(Err(status));
        let arguments = serde_json::json!({"email": "canary-email"});
        let call = serde_json::json!({"jsonrpc": "2.0", "id": "canary-id", "method": "tools/call",
            "params": {"name": "canary-name", "arguments": arguments}});
        let call = world.post("/mcp/lead-concierge?key=canary-query", call.to_string());
        assert!([200, 500].contains(&Answer::of(call.bearer_auth(crate::mcp::TOKEN)).await.status));
    }
    let shown = world.post("/mcp/lead-concierge", "canary-body").bearer_auth("canary-bearer");
    assert_eq!(Answer::of(shown.header("x-frontdesk-session", session)).await.status, 401);

    let text = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
    assert!(text.contains("a call inward failed"), "the log was read: {text}");
    assert!(!text.contains("canary-"), "{text}");
}
