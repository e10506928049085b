//! The state of a hosted session: what its workflow may know of the visit and of the member.
//!
//! The invariant: what the gateway vouches for is never a browser's to set, and never makes room for what a browser
//! said.

use std::collections::BTreeMap;

use domain::visit::{TRAIT_MAX, TRAITS_MAX};
use proto::session::v1::Member;

use crate::error::Error;

/// The names under which a workflow finds what is vouched for; no trait may have one of them.
const WHOP_USER: &str = "whop_user_id";
const PLAN: &str = "plan";
const STATUS: &str = "membership_status";

/// What the member has, as the gateway found it.
#[derive(Debug, Default)]
pub(crate) struct Standing {
    /// What people call the plan; may be empty.
    pub(crate) plan: String,
    /// How the membership stands, in Whop's words; may be empty.
    pub(crate) status: String,
    /// It gives access now.
    pub(crate) has_access: bool,
}

impl Standing {
    /// Of a call whose caller is `whop_user`; nobody has anything without proof of who they are.
    pub(crate) fn read(wire: Option<Member>, whop_user: Option<&str>) -> Result<Option<Self>, Error> {
        match (wire, whop_user) {
            (Some(_), None) => {
                Err(Error::Invalid { field: "target.member", why: "needs caller.verified_whop_user_id" })
            }
            (wire, _) => Ok(wire.map(|member| {
                let Member { plan, status, has_access } = member;
                Self { plan, status, has_access }
            })),
        }
    }
}

/// The state variables: what is vouched for, then as many of the traits as there is room for.
pub(crate) fn of(
    whop_user: Option<&str>,
    standing: Option<Standing>,
    traits: BTreeMap<String, String>,
) -> BTreeMap<String, String> {
    let Standing { plan, status, .. } = standing.unwrap_or_default();
    let vouched = [(WHOP_USER, whop_user.unwrap_or_default()), (PLAN, &plan), (STATUS, &status)];
    let vouched = vouched.into_iter().filter(|(_, value)| !value.is_empty());
    let mut state: BTreeMap<String, String> =
        vouched.map(|(name, value)| (name.to_owned(), value.chars().take(TRAIT_MAX).collect())).collect();
    let others = traits.into_iter().filter(|(name, _)| ![WHOP_USER, PLAN, STATUS].contains(&name.as_str()));
    let room = TRAITS_MAX - state.len();
    state.extend(others.take(room));
    state
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn traits_give_way_and_never_vouch() {
        let mut traits: BTreeMap<_, _> =
            (0..TRAITS_MAX).map(|number| (format!("utm_{number:02}"), "x".to_owned())).collect();
        assert_eq!(of(None, None, traits.clone()), traits);
        traits.insert("membership_status".into(), "active".into());
        let standing = Standing { plan: "p".repeat(600), ..Standing::default() };
        let state = of(Some("user_1"), Some(standing), traits);
        assert_eq!(state.len(), TRAITS_MAX, "the API takes no more");
        assert_eq!((state["whop_user_id"].as_str(), state["plan"].len()), ("user_1", TRAIT_MAX));
        assert!(!state.contains_key("membership_status") && !state.contains_key("utm_63"));
    }
}
