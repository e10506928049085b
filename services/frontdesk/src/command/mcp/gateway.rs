//! The gateway, as an agent's own server asks it.
//!
//! The invariant: what a gateway says goes into a failure only where it is one of its own problems, in one line.

use std::time::Duration;

use chassis::http::{RequestExt as _, client, read_within};
use serde_json::{Value, json};
use url::Url;

use super::Failure;

/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(30);
/// Most bytes of an answer that are read.
const LONGEST: usize = 4 << 20;
/// A member whom the stand-in of Whop knows.
const MEMBER: &str = "user_mara";

/// A gateway, and the bearer that it takes.
pub(super) struct Gateway<'a> {
    base: &'a Url,
    bearer: &'a str,
}

/// For whom tools are called.
pub(super) enum Session {
    /// A new visitor, or a member of the stand-in; the token that says so.
    Test(String),
    /// Whoever is there in Whop: only they can make one.
    OfMember,
    /// Nobody.
    None,
}

/// An answer: its status, and its JSON if it has some.
struct Said {
    status: u16,
    body: Value,
}

// === impl Session ===

impl Session {
    pub(super) fn token(&self) -> Option<&str> {
        match self {
            Self::Test(token) => Some(token),
            Self::OfMember | Self::None => None,
        }
    }

    pub(super) fn words(&self) -> &'static str {
        match self {
            Self::Test(_) => "a test visitor's, for 24 hours",
            Self::OfMember => {
                "none: a member's is made by POST /api/chatkit/session with this bearer and their X-Whop-User-Token"
            }
            Self::None => "none",
        }
    }
}

// === impl Gateway ===

impl<'a> Gateway<'a> {
    pub(super) fn new(base: &'a Url, bearer: &'a str) -> Self {
        Self { base, bearer }
    }

    /// A new visitor's session; where the workflow is for members, that of a member of the stand-in.
    pub(super) async fn session(&self, workflow: &str) -> Result<Session, Failure> {
        let body = json!({"workflowId": workflow, "modes": ["self_hosted", "hosted"]});
        let path = "api/chatkit/session";
        let mut said = self.post(path, &body, &[]).await?;
        if said.body["reason"] == "WORKFLOW_NOT_ALLOWED" {
            let member = self.post("sandbox/whop/token", &json!({"user": MEMBER}), &[]).await?;
            let Some(token) = member.body["token"].as_str() else { return Ok(Session::OfMember) };
            said = self.post(path, &body, &[("x-whop-user-token", token)]).await?;
        }
        match said.done()?["session_token"].as_str() {
            Some(token) => Ok(Session::Test(token.to_owned())),
            None => Err(Failure::Failed("the gateway answers no session_token; is it older?".into())),
        }
    }

    /// What the workflow's tools are called.
    pub(super) async fn tools(&self, workflow: &str, session: Option<&str>) -> Result<Vec<String>, Failure> {
        let list = json!({"jsonrpc": "2.0", "id": 1, "method": "tools/list"});
        let session = session.map(|token| ("x-frontdesk-session", token));
        let said = self.post(&format!("mcp/{workflow}"), &list, session.as_slice()).await?.done()?;
        let Some(tools) = said["result"]["tools"].as_array() else {
            return Err(Failure::Failed("the gateway lists no tools".into()));
        };
        Ok(tools.iter().filter_map(|tool| tool["name"].as_str()).map(str::to_owned).collect())
    }

    async fn post(&self, path: &str, body: &Value, headers: &[(&str, &str)]) -> Result<Said, Failure> {
        let away = |why: &dyn std::fmt::Display| {
            let at = self.base.host_str().unwrap_or_default();
            Failure::Unavailable(format!("the gateway at {at} does not answer: {why}"))
        };
        let url = format!("{}/{path}", self.base.as_str().trim_end_matches('/'));
        let request = client().post(url).outbound(PATIENCE).bearer_auth(self.bearer).json(body);
        let request = headers.iter().fold(request, |request, (name, value)| request.header(*name, *value));
        let mut answer = request.send().await.map_err(|why| away(&kind(why.is_timeout())))?;
        let status = answer.status().as_u16();
        let body = read_within(&mut answer, LONGEST).await.map_err(|why| away(&kind(why.is_timeout())))?;
        let body = serde_json::from_slice(&body.unwrap_or_default()).unwrap_or_default();
        Ok(Said { status, body })
    }
}

/// Where a workflow's tools are.
pub(super) fn tools_at(base: &Url, workflow: &str) -> String {
    format!("{}/mcp/{workflow}", base.as_str().trim_end_matches('/'))
}

fn kind(is_timeout: bool) -> &'static str {
    if is_timeout { "it took too long" } else { "no connection" }
}

// === impl Said ===

impl Said {
    /// The answer of a call that was done.
    fn done(self) -> Result<Value, Failure> {
        let words = self.body["error"].as_str().unwrap_or("the gateway answers as no Frontdesk does");
        match self.status {
            200..=299 => Ok(self.body),
            404 => Err(Failure::Absent(words.to_owned())),
            429 | 500..=599 => Err(Failure::Unavailable(words.to_owned())),
            _ => Err(Failure::Failed(words.to_owned())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_is_told_in_the_gateways_own_words() {
        let said = |status, body: Value| Said { status, body }.done();
        assert_eq!(said(200, json!({"a": 1})), Ok(json!({"a": 1})));
        let problem = || json!({"error": "the token is wrong"});
        assert_eq!(said(401, problem()), Err(Failure::Failed("the token is wrong".into())));
        assert_eq!(said(404, problem()), Err(Failure::Absent("the token is wrong".into())));
        assert_eq!(said(503, problem()), Err(Failure::Unavailable("the token is wrong".into())));
        let other = Failure::Failed("the gateway answers as no Frontdesk does".into());
        assert_eq!(said(400, Value::Null), Err(other));
    }

    #[test]
    fn tools_stand_below_the_gateways_address() {
        for base in ["https://chat.example.com", "https://chat.example.com/"] {
            let base = base.parse().unwrap();
            assert_eq!(tools_at(&base, "a"), "https://chat.example.com/mcp/a");
        }
    }
}
