//! Tools of members: what a verified Whop user has and may ask for.
//!
//! The invariant: every call is about the verified user of the session, whom only the gateway names.

pub(crate) mod get_membership;
pub(crate) mod get_upgrade_link;
pub(crate) mod list_files;
pub(crate) mod list_quick_actions;
pub(crate) mod open_support_ticket;
pub(crate) mod validate_license;

use proto::whop::v1::MembershipStatus;

/// A status in Whop's words.
fn word(status: MembershipStatus) -> String {
    let name = status.as_str_name();
    name.strip_prefix("MEMBERSHIP_STATUS_").unwrap_or(name).to_lowercase().replace("unspecified", "unknown")
}
