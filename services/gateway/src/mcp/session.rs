//! For whom tools are called: the session's token, made with a chat's session and shown with every message.
//!
//! The invariants: it says whose session it is and of which workflow, and counts for no other; one that was shown and
//! does not count is an error, never nobody.

use axum::http::HeaderMap;
use domain::{
    Fault, Kind, Reason,
    token::{Keys, Purpose},
};
use jiff::Timestamp;
use proto::common::v1::Caller;

use super::access;
use crate::{
    chatkit::bearer::{self, Talker},
    door::Door,
};

/// Header in which a client shows the token.
pub(super) const HEADER: &str = "x-frontdesk-session";
/// The same, and where it stands in a message, as people write it.
const NAMES: &str = "X-Frontdesk-Session and _meta[\"frontdesk/session\"]";

/// Whose session a token is of.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Session(Talker);

/// An agent that asks for a session on a visitor's behalf: the workflows whose token it shows.
pub(crate) struct Agent(Option<Vec<String>>);

// === impl Session ===

impl Session {
    /// The caller as the services see it: what the token says, over what the connection does.
    pub(super) fn caller(self, connection: Caller) -> Caller {
        let Talker { visitor, workflow, session_id, whop_user } = self.0;
        let verified_whop_user_id = whop_user.unwrap_or_default();
        Caller { visitor_id: visitor.to_string(), workflow, session_id, verified_whop_user_id, ..connection }
    }
}

/// The session of a message, by its header, by `meta`, or by both if they agree.
pub(super) fn find(
    keys: &Keys,
    workflow: &str,
    headers: &HeaderMap,
    meta: Option<&str>,
) -> Result<Option<Session>, Fault> {
    let now = Timestamp::now();
    let shown = headers.get_all(HEADER).iter().map(|token| token.to_str().unwrap_or_default());
    let mut found = None;
    for token in shown.chain(meta) {
        let session = open(keys, workflow, token, now).ok_or_else(unknown)?;
        if found.as_ref().is_some_and(|known| *known != session) {
            return Err(ambiguous());
        }
        found = Some(session);
    }
    Ok(found)
}

fn open(keys: &Keys, workflow: &str, token: &str, now: Timestamp) -> Option<Session> {
    let talker = bearer::unseal(keys, Purpose::ToolSession, token, now)?;
    let counts = talker.workflow == workflow && !talker.session_id.is_empty();
    counts.then_some(Session(talker))
}

fn unknown() -> Fault {
    let message = "the session's token is not of this workflow or has ended; \
        POST /api/chatkit/session answers another one as session_token";
    Fault::new(Kind::NotFound, Reason::SessionUnknown, message)
}

fn ambiguous() -> Fault {
    Fault::new(Kind::NotFound, Reason::SessionUnknown, format!("{NAMES} name two sessions"))
}

// === impl Agent ===

impl Agent {
    /// Who asks for a session; a bearer that is of no workflow is refused.
    pub(crate) fn of(door: &Door, headers: &HeaderMap) -> Result<Self, Fault> {
        door.access.agent_of(headers).map(Self)
    }

    /// The session's token, if an agent asks. It has to be of the session's workflow.
    pub(crate) fn session_token(&self, keys: &Keys, talker: Talker) -> Result<Option<String>, Fault> {
        let Some(workflows) = &self.0 else { return Ok(None) };
        if !workflows.contains(&talker.workflow) {
            return Err(access::unauthenticated());
        }
        if talker.session_id.is_empty() {
            tracing::error!("a session without an id");
            return Err(Fault::internal());
        }
        Ok(Some(bearer::seal_as(Purpose::ToolSession, keys, talker, Timestamp::now())))
    }
}

#[cfg(test)]
mod tests {
    use jiff::SignedDuration;

    use super::*;

    fn talker() -> Talker {
        let (workflow, session_id) = ("lead-concierge".into(), "ses_1".into());
        Talker { visitor: "vis_1".parse().unwrap(), workflow, session_id, whop_user: Some("user_1".into()) }
    }

    #[test]
    fn a_token_counts_for_a_day_and_for_its_workflow() {
        let keys = Keys::parse(&Keys::generate()).unwrap();
        let (now, hours) = (Timestamp::UNIX_EPOCH, SignedDuration::from_hours);
        let token = bearer::seal_as(Purpose::ToolSession, &keys, talker(), now);
        assert_eq!(open(&keys, "lead-concierge", &token, now + hours(23)), Some(Session(talker())));
        assert_eq!(open(&keys, "lead-concierge", &token, now + hours(24)), None);
        assert_eq!(open(&keys, "client-portal", &token, now), None);
        let secret = bearer::seal(&keys, talker(), now);
        assert_eq!(open(&keys, "lead-concierge", &secret, now), None, "a chat's secret calls no tools");
    }

    #[test]
    fn a_session_is_all_that_names_anybody() {
        let connection = Caller { ip_key: "ip".into(), visitor_id: "vis_2".into(), ..Caller::default() };
        let caller = Session(talker()).caller(connection);
        let expected = Caller {
            visitor_id: "vis_1".into(),
            verified_whop_user_id: "user_1".into(),
            workflow: "lead-concierge".into(),
            session_id: "ses_1".into(),
            ip_key: "ip".into(),
            site: String::new(),
        };
        assert_eq!(caller, expected);
    }
}
