//! Whose a thing is that somebody asked for: a booking, a link, a membership.
//!
//! The invariant: a caller sees what their visitor asked for, or what belongs to the verified Whop user of their
//! session; an e-mail opens nothing.

use domain::{Caller, Fault};
use proto::{common::v1::Caller as WireCaller, sheets::v1::Party};
use serde::{Deserialize, Serialize};

/// Longest path of a page, in bytes.
const LONGEST_PAGE: usize = 1024;

/// Who asked for something, and where.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Owner {
    /// The visitor, `vis_…`.
    pub visitor: String,
    /// The verified Whop user of the session; empty without one.
    pub whop_user: String,
    /// The chat session.
    pub session: String,
    /// Slug of the workflow.
    pub workflow: String,
    /// Host of the site.
    pub site: String,
    /// Path of the page.
    pub page: String,
    /// The chat's thread; empty outside a chat.
    pub thread: String,
}

// === impl Owner ===

impl Owner {
    /// The caller of a call on behalf of a visitor.
    ///
    /// # Errors
    /// The call names no visitor, or somebody who cannot be one.
    pub fn of(caller: Option<WireCaller>) -> Result<Self, Fault> {
        let WireCaller { visitor_id, verified_whop_user_id, workflow, session_id, site, .. } =
            caller.unwrap_or_default();
        let Caller { visitor, whop_user } = Caller::read(&visitor_id, &verified_whop_user_id)?;
        Ok(Self {
            visitor: visitor.to_string(),
            whop_user: whop_user.unwrap_or_default(),
            session: session_id,
            workflow,
            site,
            ..Self::default()
        })
    }

    /// The caller of a call that makes something, with the page and the chat's thread where they are.
    ///
    /// # Errors
    /// As of [`Self::of`]; the page is too long, the thread is none.
    pub fn at(caller: Option<WireCaller>, page: String, thread: String) -> Result<Self, Fault> {
        let owner = Self::of(caller)?;
        if !thread.is_empty() && domain::id::check(&thread).is_err() {
            return Err(Fault::invalid("thread_id", "thread_id must be an id"));
        }
        if page.len() > LONGEST_PAGE {
            return Err(Fault::invalid("page", format!("page must have at most {LONGEST_PAGE} bytes")));
        }
        Ok(Self { page, thread, ..owner })
    }

    /// Whether `caller` may see and change what this owns.
    pub fn is(&self, caller: &Self) -> bool {
        let same = |own: &str, theirs: &str| !own.is_empty() && own == theirs;
        same(&self.visitor, &caller.visitor) || same(&self.whop_user, &caller.whop_user)
    }

    /// Nobody of ours asked for it: it came about at the provider's.
    pub fn is_nobody(&self) -> bool {
        self.visitor.is_empty() && self.whop_user.is_empty()
    }

    /// The same for the books, which add what the provider says of the person. What is said in a chat is a claim.
    pub fn party(&self) -> Party {
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
    use domain::{Kind, Reason};

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
        let verified = WireCaller { verified_whop_user_id: "user/1".into(), ..caller("vis_1").unwrap() };
        let fault = Owner::of(Some(verified)).unwrap_err();
        assert_eq!(fault.field.as_deref(), Some("caller.verified_whop_user_id"));
    }

    #[test]
    fn where_something_is_asked_for_is_bounded() {
        let at = |page: &str, thread: &str| {
            let caller = WireCaller { visitor_id: "vis_1".into(), ..Default::default() };
            Owner::at(Some(caller), page.into(), thread.into())
                .map_err(|fault| fault.field.unwrap_or_default())
        };
        let owner = at("/services", "thr_1").unwrap();
        assert_eq!((owner.page.as_str(), owner.thread.as_str()), ("/services", "thr_1"));
        assert!(at(&"/".repeat(1024), "").is_ok());
        assert_eq!(at(&"/".repeat(1025), ""), Err("page".into()));
        assert_eq!(at("/", "no thread"), Err("thread_id".into()));
    }
}
