//! The agents' tools for agents of others: who may, for whom, and what goes in and out.

mod access;
mod calls;
mod hosts;
mod protocol;
mod refusals;
mod sessions;
mod strangers;
pub(crate) mod upstream;

use domain::token::{Claims, Purpose};
use jiff::Timestamp;
use proto::{chat::v1::CallToolRequest, common::v1::Caller};
use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};

use crate::world::{Answer, World};

/// Two workflows' tokens; the first one has a second while it is replaced.
pub(crate) const TOKENS: &str = "lead-concierge:a-concierges-token,lead-concierge:a-concierges-old-token,client-portal:a-portals-own-token";
pub(crate) const CONCIERGE: &str = "lead-concierge";
pub(crate) const PORTAL: &str = "client-portal";
pub(crate) const OPS: &str = "ops-copilot";
pub(crate) const TOKEN: &str = "a-concierges-token";
/// Header that names the session.
const SESSION_TOKEN: &str = "x-frontdesk-session";

/// A request of the protocol.
fn ask(id: impl Into<Value>, method: &str, params: Value) -> Value {
    json!({"jsonrpc": "2.0", "id": id.into(), "method": method, "params": params})
}

fn call(id: impl Into<Value>, tool: &str, arguments: Value) -> Value {
    ask(id, "tools/call", json!({"name": tool, "arguments": arguments}))
}

fn list() -> Value {
    ask(1, "tools/list", json!({}))
}

/// The same message with a session in it.
fn with_meta(mut message: Value, token: &str) -> Value {
    message["params"]["_meta"] = json!({"frontdesk/session": token});
    message
}

impl World {
    /// A message to a workflow's tools, as clients of the protocol send it, with nobody's bearer.
    fn message(&self, workflow: &str, message: &Value) -> RequestBuilder {
        let request = self.request(Method::POST, &format!("/mcp/{workflow}")).json(message);
        request.header("accept", "application/json, text/event-stream")
    }

    /// The same to the concierge, with its bearer.
    fn say(&self, message: &Value) -> RequestBuilder {
        self.message(CONCIERGE, message).bearer_auth(TOKEN)
    }

    async fn said(&self, message: &Value) -> Value {
        let answer = Answer::of(self.say(message)).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        answer.json()
    }

    /// The same for a session.
    async fn said_in(&self, session: &str, message: &Value) -> Value {
        let answer = Answer::of(self.say(message).header(SESSION_TOKEN, session)).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        answer.json()
    }

    /// A session's token as `POST /api/chatkit/session` answers it.
    fn session_token(&self, visitor: &str, session: &str, workflow: &str, user: Option<&str>) -> String {
        let claims = Claims {
            subject: visitor.into(),
            workflow: Some(workflow.into()),
            session_id: Some(session.into()),
            whop_user: user.map(str::to_owned),
            ..Claims::default()
        };
        self.keys.seal_claims(Purpose::ToolSession, claims, Timestamp::now())
    }

    /// The concierge's session of `vis_1`.
    fn own_session(&self) -> String {
        self.session_token("vis_1", "ses_1", CONCIERGE, None)
    }

    /// Everybody for whom the tools were listed or called.
    fn callers(&self) -> Vec<Caller> {
        let notes = self.backend.notes();
        let listed = notes.tools.listed.iter().map(|request| &request.caller);
        let called = notes.tools.called.iter().map(|request| &request.caller);
        listed.chain(called).map(|caller| caller.clone().unwrap()).collect()
    }

    fn calls(&self) -> Vec<CallToolRequest> {
        self.backend.notes().tools.called.clone()
    }
}
