//! The JSON of the portal, and its way from the contract.
//!
//! The invariant: words are Whop's, times are RFC 3339, and what is not known is null or blank.

use jiff::Timestamp;
use proto::whop::v1::{
    File, Freshness, ListFilesResponse, ListMembershipsResponse, ListQuickActionsResponse, Membership,
    QuickAction, QuickActionKind,
};
use serde::Serialize;
use utoipa::ToSchema;

use crate::member::word;

/// What the member has.
#[derive(Serialize, ToSchema)]
pub(crate) struct MembershipsAnswer {
    /// Those that give access first, then the newest first.
    memberships: Vec<MembershipAnswer>,
    /// When Whop said so.
    #[schema(format = "date-time")]
    as_of: Option<String>,
    /// Whop could not be asked just now: this is what it said last.
    stale: bool,
}

/// A membership.
#[derive(Serialize, ToSchema)]
pub(crate) struct MembershipAnswer {
    /// Its id at Whop.
    #[schema(example = "mem_1")]
    id: String,
    /// The product's id at Whop.
    #[schema(example = "prod_growthretainer")]
    product_id: String,
    /// What people call the product.
    #[schema(example = "Growth Retainer")]
    product: String,
    /// The plan's id at Whop.
    #[schema(example = "plan_growthmonthly")]
    plan_id: String,
    /// What people call the plan.
    #[schema(example = "Growth, monthly")]
    plan: String,
    /// How it stands, in Whop's word, e.g. `trialing`, `active`, `past_due` or `canceled`; `unknown` if that is a new one.
    #[schema(example = "active")]
    status: &'static str,
    /// It gives access now.
    has_access: bool,
    /// When it began.
    #[schema(format = "date-time")]
    created_at: Option<String>,
    /// When it renews next; null if it does not.
    #[schema(format = "date-time")]
    renews_at: Option<String>,
    /// When access ends; null if that is not known.
    #[schema(format = "date-time")]
    expires_at: Option<String>,
    /// It ends with the period that is paid for.
    cancel_at_period_end: bool,
    /// When it was canceled; null if it was not.
    #[schema(format = "date-time")]
    canceled_at: Option<String>,
    /// Where the member manages it, at Whop; may be blank.
    manage_url: String,
}

/// What the member may ask for.
#[derive(Serialize, ToSchema)]
pub(crate) struct ActionsAnswer {
    /// In the order in which they are shown.
    actions: Vec<ActionAnswer>,
    /// How old the memberships are that they follow from.
    #[schema(format = "date-time")]
    as_of: Option<String>,
    /// Whop could not be asked just now: they follow from what it said last.
    stale: bool,
}

/// Something to ask for at the press of a button.
#[derive(Serialize, ToSchema)]
pub(crate) struct ActionAnswer {
    /// What it is run by.
    #[schema(example = "files")]
    id: String,
    /// What its button says.
    #[schema(example = "Download Files")]
    label: String,
    /// What it does.
    #[serde(rename = "type")]
    kind: ActionKind,
    /// Where it leads, for a link.
    #[serde(skip_serializing_if = "Option::is_none")]
    url: Option<String>,
    /// The membership that gives it.
    #[schema(example = "mem_1")]
    membership_id: String,
}

/// What an action does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum ActionKind {
    /// Opens an address.
    Link,
    /// Lists files.
    Files,
    /// Opens a ticket with the team.
    Support,
    /// Makes a link by which a plan is bought.
    Upgrade,
}

/// What came of an action.
#[derive(Serialize, ToSchema)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(crate) enum ActionOutcome {
    /// An address to open.
    Link {
        /// Where it leads.
        url: String,
    },
    /// The files.
    Files {
        /// The newest first, at most a hundred.
        files: Vec<FileAnswer>,
        /// There are more than these.
        more: bool,
    },
    /// A ticket is open.
    Support {
        /// The ticket's id.
        ticket_id: String,
        /// When it was opened.
        #[schema(format = "date-time")]
        created_at: Option<String>,
    },
    /// An address to open.
    Upgrade {
        /// Where the plan is bought, at Whop.
        url: String,
    },
}

/// A file.
#[derive(Serialize, ToSchema)]
pub(crate) struct FileAnswer {
    /// Its name.
    name: String,
    /// Where it opens.
    url: String,
    /// Its media type; blank if that is not known.
    media_type: String,
    /// When it was changed last.
    #[schema(format = "date-time")]
    updated_at: Option<String>,
    /// Bytes; null if that is not known.
    size: Option<i64>,
}

/// A moment of the contract.
pub(super) fn moment(time: Option<&prost_types::Timestamp>) -> Option<Timestamp> {
    time.copied().and_then(proto::time::read)
}

/// The sort of an action; one that is not known yet cannot be run, and is not shown.
pub(super) fn kind_of(action: &QuickAction) -> Option<ActionKind> {
    match action.kind() {
        QuickActionKind::Unspecified => None,
        QuickActionKind::Link => Some(ActionKind::Link),
        QuickActionKind::Files => Some(ActionKind::Files),
        QuickActionKind::Support => Some(ActionKind::Support),
        QuickActionKind::Upgrade => Some(ActionKind::Upgrade),
    }
}

fn text(time: Option<&prost_types::Timestamp>) -> Option<String> {
    moment(time).map(|time| time.to_string())
}

fn age(freshness: Option<&Freshness>) -> (Option<String>, bool) {
    let as_of = text(freshness.and_then(|freshness| freshness.as_of.as_ref()));
    (as_of, freshness.is_some_and(|freshness| freshness.stale))
}

impl From<ListMembershipsResponse> for MembershipsAnswer {
    fn from(found: ListMembershipsResponse) -> Self {
        let (as_of, stale) = age(found.freshness.as_ref());
        Self {
            memberships: found.memberships.into_iter().map(MembershipAnswer::from).collect(),
            as_of,
            stale,
        }
    }
}

impl From<Membership> for MembershipAnswer {
    fn from(membership: Membership) -> Self {
        Self {
            status: word(membership.status()),
            has_access: membership.has_access,
            created_at: text(membership.create_time.as_ref()),
            renews_at: text(membership.renew_time.as_ref()),
            expires_at: text(membership.expire_time.as_ref()),
            cancel_at_period_end: membership.cancel_at_period_end,
            canceled_at: text(membership.cancel_time.as_ref()),
            id: membership.membership_id,
            product_id: membership.product_id,
            product: membership.product,
            plan_id: membership.plan_id,
            plan: membership.plan,
            manage_url: membership.manage_url,
        }
    }
}

impl From<ListQuickActionsResponse> for ActionsAnswer {
    fn from(found: ListQuickActionsResponse) -> Self {
        let (as_of, stale) = age(found.freshness.as_ref());
        Self { actions: found.actions.into_iter().filter_map(ActionAnswer::of).collect(), as_of, stale }
    }
}

impl ActionAnswer {
    fn of(action: QuickAction) -> Option<Self> {
        Some(Self {
            kind: kind_of(&action)?,
            id: action.action_id,
            label: action.label,
            url: Some(action.url).filter(|url| !url.is_empty()),
            membership_id: action.membership_id,
        })
    }
}

impl From<ListFilesResponse> for ActionOutcome {
    fn from(found: ListFilesResponse) -> Self {
        Self::Files { files: found.files.into_iter().map(FileAnswer::from).collect(), more: found.more }
    }
}

impl From<File> for FileAnswer {
    fn from(file: File) -> Self {
        Self {
            updated_at: text(file.update_time.as_ref()),
            size: (file.size > 0).then_some(file.size),
            name: file.name,
            url: file.url,
            media_type: file.media_type,
        }
    }
}
