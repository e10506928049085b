//! Whose a booking or a link is.
//!
//! The invariant: a caller sees what their visitor asked for, or what belongs to the verified Whop user of their
//! session; an e-mail opens nothing.

use domain::{Fault, Kind, Reason, id::VisitorId};
use proto::{common::v1::Caller as WireCaller, sheets::v1::Party};
use serde::{Deserialize, Serialize};

/// Who asked for something, and where.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Owner {
    /// The visitor, `vis_…`.
    pub(crate) visitor: String,
    /// The verified Whop user of the session; empty without one.
    pub(crate) whop_user: String,
    /// The chat session.
    pub(crate) session: String,
    /// Slug of the workflow.
    pub(crate) workflow: String,
    /// Host of the site.
    pub(crate) site: String,
    /// Path of the page.
    pub(crate) page: String,
    /// The chat's thread; empty outside a chat.
    pub(crate) thread: String,
}

// === impl Owner ===

impl Owner {
    /// The caller of a call on behalf of a visitor.
    ///
    /// # Errors
    /// The call names no visitor, or none that could be one.
    pub(crate) fn of(caller: Option<WireCaller>) -> Result<Self, Fault> {
        let WireCaller { visitor_id, verified_whop_user_id, workflow, session_id, site, .. } =
            caller.unwrap_or_default();
        if visitor_id.is_empty() {
            let why = "the call names no visitor";
            return Err(Fault::new(Kind::Unauthenticated, Reason::CallerMissing, why));
        }
        let is_visitor = visitor_id.parse::<VisitorId>().is_ok() && visitor_id.starts_with(VisitorId::PREFIX);
        if !is_visitor {
            return Err(Fault::invalid("caller.visitor_id", "caller.visitor_id must be vis_…"));
        }
        Ok(Self {
            visitor: visitor_id,
            whop_user: verified_whop_user_id,
            session: session_id,
            workflow,
            site,
            ..Self::default()
        })
    }

    /// Whether `caller` may see and change what this owns.
    pub(crate) fn is(&self, caller: &Self) -> bool {
        let same = |own: &str, theirs: &str| !own.is_empty() && own == theirs;
        same(&self.visitor, &caller.visitor) || same(&self.whop_user, &caller.whop_user)
    }

    /// Nobody of ours asked for it: it came about at the provider's.
    pub(crate) fn is_nobody(&self) -> bool {
        self.visitor.is_empty() && self.whop_user.is_empty()
    }

    /// The same for the books, which add what the provider says of the person. What is said in a chat is a claim.
    pub(crate) fn party(&self) -> Party {
        Party {
            visitor_id: self.visitor.clone(),
            session_id: self.session.clone(),
            workflow: self.workflow.clone(),
            site: self.site.clone(),
            verified_whop_user_id: self.whop_user.clone(),
            page: self.page.clone(),
            claimed: !self.is_nobody(),
            ..Default::default()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn owner(visitor: &str, whop_user: &str) -> Owner {
        Owner { visitor: visitor.into(), whop_user: whop_user.into(), ..Owner::default() }
    }

    #[test]
    fn a_visitor_or_a_verified_user_sees_what_is_theirs() {
        assert!(owner("vis_1", "").is(&owner("vis_1", "user_1")));
        assert!(owner("vis_1", "user_1").is(&owner("vis_2", "user_1")));
        assert!(!owner("vis_1", "user_1").is(&owner("vis_2", "user_2")));
        assert!(!owner("vis_1", "").is(&owner("vis_2", "")), "two who are not logged in are not one");
        assert!(!owner("", "").is(&owner("", "")), "nobody is nobody");
    }

    #[test]
    fn a_call_needs_a_visitor() {
        let caller = |visitor: &str| Some(WireCaller { visitor_id: visitor.into(), ..Default::default() });
        assert!(Owner::of(caller("vis_1")).is_ok());
        assert_eq!(Owner::of(None).unwrap_err().reason, Reason::CallerMissing);
        for wrong in ["con_1", "vis_/../x"] {
            assert_eq!(Owner::of(caller(wrong)).unwrap_err().kind, Kind::Invalid, "{wrong}");
        }
    }
}
