//! What a member has, asked once a turn.
//!
//! The invariant: only the verified user of the turn's caller is asked about, and whatever comes of the question, the turn
//! goes on.

use std::time::Duration;

use chassis::{client::Link, deadline};
use proto::{
    time::read,
    whop::v1::{
        Freshness, ListMembershipsRequest, ListMembershipsResponse, Membership, MembershipStatus,
        membership_service_client::MembershipServiceClient,
    },
};
use serde_json::{Value, json};

use crate::turn::Turn;

/// Most memberships that the model is told of; those that give access come first.
const MOST: usize = 8;
/// Longest name of a product or a plan, in characters.
const LONGEST: usize = 120;

/// The way to whop-gateway, if there is one.
pub(crate) struct Members {
    memberships: Option<MembershipServiceClient<Link>>,
    patience: Duration,
}

// === impl Members ===

impl Members {
    /// Over this link, waiting so long at most.
    pub(crate) fn new(link: Option<Link>, patience: Duration) -> Self {
        Self { memberships: link.map(MembershipServiceClient::new), patience }
    }

    /// What the turn's verified user has, as the facts say it; `None` where there is no such user, and where it cannot be
    /// told soon.
    pub(crate) async fn of(&self, turn: &Turn) -> Option<Value> {
        let caller = turn.session.caller.clone();
        let mut memberships =
            self.memberships.clone().filter(|_| !caller.verified_whop_user_id.is_empty())?;
        let request = ListMembershipsRequest { caller: Some(caller) };
        match deadline::within(self.patience, memberships.list_memberships(request)).await {
            Ok(answer) => Some(told(answer.into_inner())),
            Err(status) => {
                tracing::debug!(
                    thread.id = turn.thread.id,
                    rpc.code = ?status.code(),
                    "what the member has is not known in this turn"
                );
                None
            }
        }
    }
}

fn told(answer: ListMembershipsResponse) -> Value {
    let Freshness { as_of, stale } = answer.freshness.unwrap_or_default();
    let all: Vec<Value> = answer.memberships.iter().take(MOST).map(one).collect();
    json!({"all": all, "as_of": as_of.and_then(read), "may_be_out_of_date": stale})
}

fn one(membership: &Membership) -> Value {
    json!({
        "product": name(&membership.product),
        "plan": name(&membership.plan),
        "status": word(membership.status()),
        "has_access": membership.has_access,
        "renews_at": membership.renew_time.and_then(read),
        "access_ends_at": membership.expire_time.and_then(read),
        "cancel_at_period_end": membership.cancel_at_period_end,
    })
}

fn name(text: &str) -> String {
    text.chars().take(LONGEST).collect()
}

/// A status in Whop's words.
fn word(status: MembershipStatus) -> String {
    let name = status.as_str_name();
    name.strip_prefix("MEMBERSHIP_STATUS_").unwrap_or(name).to_lowercase()
}
