//! What somebody else's agent asks for in hostile words: over MCP, of every tool of every workflow, with all that is known of
//! three victims. It learns nothing of them that it did not say itself, and nothing of theirs changes.

mod attack;
mod doors;
mod victims;

use std::collections::BTreeMap;

use reqwest::Method;
use serde_json::{Value, json};

use crate::{story::answer::Answer, world::World};

const CONCIERGE: &str = "lead-concierge";
const PORTAL: &str = "client-portal";
const OPS: &str = "ops-copilot";
const CONCIERGES_TOKEN: &str = "a-concierges-own-token";
const PORTALS_TOKEN: &str = "a-portals-own-token";
const OPERATORS_TOKEN: &str = "an-operators-own-token";
const SESSION: &str = "x-frontdesk-session";

/// Somebody's way to the tools of a workflow.
#[derive(Clone, Debug)]
struct Way {
    workflow: &'static str,
    bearer: Option<&'static str>,
    session: Option<String>,
}

// === impl Way ===

impl Way {
    fn new(workflow: &'static str, bearer: &'static str, session: &str) -> Self {
        Self { workflow, bearer: Some(bearer), session: Some(session.to_owned()) }
    }

    async fn say(&self, world: &World, message: &Value) -> Answer {
        let request = world.request(Method::POST, &format!("/mcp/{}", self.workflow)).json(message);
        let request = self.bearer.into_iter().fold(request, |request, bearer| request.bearer_auth(bearer));
        Answer::of(self.session.iter().fold(request, |request, session| request.header(SESSION, session)))
            .await
    }

    async fn call(&self, world: &World, id: usize, tool: &str, arguments: &Value) -> Answer {
        let params = json!({"name": tool, "arguments": arguments});
        self.say(world, &json!({"jsonrpc": "2.0", "id": id, "method": "tools/call", "params": params})).await
    }

    /// What a call answers that must succeed.
    async fn done(&self, world: &World, tool: &str, arguments: &Value) -> Value {
        let answer = self.call(world, 1, tool, arguments).await.ok();
        let result = &answer["result"];
        assert!(result["isError"] != true && result["structuredContent"].is_object(), "{tool}: {answer}");
        result["structuredContent"].clone()
    }

    /// The tools by name, with the schemas of their arguments.
    async fn tools(&self, world: &World) -> BTreeMap<String, Value> {
        let listed = self.say(world, &json!({"jsonrpc": "2.0", "id": 1, "method": "tools/list"})).await.ok();
        let tools = listed["result"]["tools"].as_array().unwrap_or_else(|| panic!("{listed}")).iter();
        tools.map(|tool| (tool["name"].as_str().unwrap().to_owned(), tool["inputSchema"].clone())).collect()
    }
}

impl World {
    async fn exposed() -> Self {
        let tokens = format!("{CONCIERGE}:{CONCIERGES_TOKEN},{PORTAL}:{PORTALS_TOKEN}");
        let limits = [
            "LIMIT_CHAT",
            "LIMIT_VISITOR",
            "LIMIT_IP",
            "LIMIT_SITE",
            "LIMIT_MEMBER_ACTIONS",
            "LIMIT_MEMBER_READS",
        ];
        let own = [("MCP_TOKENS", tokens.as_str()), ("OPERATOR_TOKEN", OPERATORS_TOKEN)];
        Self::with(&own.into_iter().chain(limits.map(|limit| (limit, "off"))).collect::<Vec<_>>()).await
    }
}
