//! On whose behalf a service of ours calls another.
//!
//! The gateway alone decides who that is. The invariant: what is read here is safe in a document's id and in a log, and a
//! call that names nobody is refused.

use crate::{
    Fault, Kind, Reason,
    id::{self, VisitorId},
};

/// Who is behind a call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caller {
    /// The visitor.
    pub visitor: VisitorId,
    /// The Whop user of the session, if one was verified.
    pub whop_user: Option<String>,
}

// === impl Caller ===

impl Caller {
    /// Reads `visitor_id` and `verified_whop_user_id` of a call.
    ///
    /// # Errors
    /// The call names no visitor, or somebody who cannot be one.
    pub fn read(visitor_id: &str, verified_whop_user_id: &str) -> Result<Self, Fault> {
        if visitor_id.is_empty() {
            let why = "the call names no visitor";
            return Err(Fault::new(Kind::Unauthenticated, Reason::CallerMissing, why));
        }
        let visitor = Some(visitor_id).filter(|id| id.starts_with(VisitorId::PREFIX));
        let visitor = visitor.and_then(|id| id.parse().ok());
        let visitor =
            visitor.ok_or_else(|| Fault::invalid("caller.visitor_id", "caller.visitor_id must be vis_…"))?;
        let whop_user = Some(verified_whop_user_id).filter(|id| !id.is_empty());
        if whop_user.is_some_and(|id| id::check(id).is_err()) {
            let field = "caller.verified_whop_user_id";
            return Err(Fault::invalid(field, format!("{field} must be an id")));
        }
        Ok(Self { visitor, whop_user: whop_user.map(str::to_owned) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_is_on_behalf_of_somebody() {
        let caller = Caller::read("vis_1", "user_1").unwrap();
        assert_eq!((caller.visitor.as_str(), caller.whop_user.as_deref()), ("vis_1", Some("user_1")));
        assert_eq!(Caller::read("vis_1", "").unwrap().whop_user, None);
        assert_eq!(Caller::read("", "user_1").unwrap_err().reason, Reason::CallerMissing);
    }

    #[test]
    fn who_cannot_be_anybody_is_refused_by_name() {
        for (visitor, user, field) in [
            ("con_1", "", "caller.visitor_id"),
            ("vis_/../x", "", "caller.visitor_id"),
            ("vis_1", "user/1", "caller.verified_whop_user_id"),
            ("vis_1", &"x".repeat(129), "caller.verified_whop_user_id"),
        ] {
            let fault = Caller::read(visitor, user).unwrap_err();
            assert_eq!((fault.kind, fault.field.as_deref()), (Kind::Invalid, Some(field)));
        }
    }
}
