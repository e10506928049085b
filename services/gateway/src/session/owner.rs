//! Whose a session is: a member's, or the browser's visitor's.
//!
//! The invariant: a member's session is of the visitor that follows from the Whop user and of no other, and no token
//! that outlives it opens what was said in it.

use axum::http::HeaderMap;
use domain::Fault;
use jiff::Timestamp;
use proto::{common::v1::Caller, session::v1::Member as Standing};

use super::wire::Asked;
use crate::{
    caller::{Claim, Client, VISITOR, Visitor},
    chatkit::bearer::Talker,
    door::Door,
    member::{self, Member},
};

/// Whose a session is.
pub(super) struct Owner {
    /// The browser, whoever uses it.
    browser: Visitor,
    member: Option<Member>,
}

// === impl Owner ===

impl Owner {
    /// The member whose token stands beside the request, else the visitor.
    pub(super) async fn of(
        door: &Door,
        client: &Client,
        headers: &HeaderMap,
        asked: &Asked,
    ) -> Result<Self, Fault> {
        let shown = headers.get(VISITOR).and_then(|token| token.to_str().ok());
        let claim =
            Claim { tokens: [shown, asked.visitor_token.as_deref()], device_id: asked.device_id.as_deref() };
        let browser = Visitor::recognise(&door.keys, claim, Timestamp::now())?;
        Ok(Self { browser, member: member::shown(door, client, headers).await? })
    }

    pub(super) fn caller(&self, client: &Client) -> Caller {
        match &self.member {
            Some(member) => member.caller(client),
            None => client.caller(Some(&self.browser)),
        }
    }

    /// What the member has, if there is one and it can be told soon.
    pub(super) async fn standing(&self, door: &Door, client: &Client) -> Option<Standing> {
        member::standing(door, self.member.as_ref()?.caller(client)).await
    }

    /// Who talks in a session of our own.
    pub(super) fn talker(&self, workflow: String, session_id: String) -> Talker {
        let (visitor, whop_user) = match &self.member {
            Some(member) => (&member.visitor, Some(member.user.clone())),
            None => (&self.browser.id, None),
        };
        Talker { visitor: visitor.clone(), workflow, session_id, whop_user }
    }

    /// What says next time which browser this is.
    pub(super) fn visitor_token(&self) -> &str {
        &self.browser.token
    }

    pub(super) fn is_member(&self) -> bool {
        self.member.is_some()
    }
}
