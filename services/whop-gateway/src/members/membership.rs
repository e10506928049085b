//! A membership as it is kept.
//!
//! The invariant: no licence key is in it, and of what is noted at Whop nothing but what the configuration names.

use std::collections::BTreeMap;

use domain::Money;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use store::Collection;

use crate::whop::wire::{self, Status};

/// All memberships.
pub(crate) const MEMBERSHIPS: Collection<Membership> = Collection::new("memberships");

/// Longest text of the metadata that is kept.
const LONGEST_NOTE: usize = 2_048;

/// A membership.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Membership {
    /// `mem_…`
    pub(crate) id: String,
    /// Grows with every change.
    pub(crate) version: u64,
    /// When it was made.
    pub(crate) created_at: Timestamp,
    /// When anything of it changed last at Whop.
    pub(crate) touched_at: Timestamp,
    /// Who has it, `user_…`; empty where that is nobody yet, a business, or forgotten.
    pub(crate) user: String,
    /// `prod_…`
    pub(crate) product_id: String,
    /// What people call the product.
    pub(crate) product: String,
    /// `plan_…`
    pub(crate) plan_id: String,
    /// What people call the plan; its id where it has no name.
    pub(crate) plan: String,
    /// How it stands.
    pub(crate) status: Status,
    /// It ends with the period that is paid for.
    pub(crate) cancel_at_period_end: bool,
    /// When the period ends that is paid for.
    pub(crate) period_ends_at: Option<Timestamp>,
    /// When access ends, where that is fixed.
    pub(crate) expires_at: Option<Timestamp>,
    /// When it was canceled.
    pub(crate) canceled_at: Option<Timestamp>,
    /// What it brings in a month; absent where not even the currency is known.
    pub(crate) mrr: Option<Money>,
    /// Where its member manages it, at Whop.
    pub(crate) manage_url: Option<String>,
    /// What is noted at Whop for this member and needed here.
    pub(crate) notes: BTreeMap<String, String>,
    /// As whom Whop knows the member by e-mail, where it says so.
    pub(crate) email: String,
    /// It is real.
    pub(crate) live: bool,
    /// Its member is forgotten, and nothing brings them back.
    pub(crate) erased: bool,
    /// Hash of the user who was forgotten: a membership that is passed on is its new member's. Empty without one.
    #[serde(default)]
    pub(crate) erased_of: String,
}

// === impl Membership ===

impl Membership {
    /// When it renews; `None` if it does not.
    pub(crate) fn renews_at(&self) -> Option<Timestamp> {
        let renews = matches!(self.status, Status::Active | Status::Trialing | Status::PastDue);
        self.period_ends_at.filter(|_| renews && !self.cancel_at_period_end)
    }

    /// When access ends, as far as that is fixed.
    pub(crate) fn ends_at(&self) -> Option<Timestamp> {
        let with_period = self.period_ends_at.filter(|_| self.cancel_at_period_end);
        self.expires_at.or(with_period)
    }

    /// Whether it lacks something that Whop says. What changed within the same moment is told by what changes most.
    pub(super) fn is_behind(&self, fetched: &wire::Membership) -> bool {
        let says = (fetched.status, fetched.cancel_at_period_end, fetched.current_period_end);
        let differs = says != (self.status, self.cancel_at_period_end, self.period_ends_at);
        self.touched_at < fetched.touched_at() || (self.touched_at == fetched.touched_at() && differs)
    }

    /// It ends, with its period or already.
    pub(crate) fn ends(&self) -> bool {
        self.cancel_at_period_end || matches!(self.status, Status::Canceled | Status::Expired)
    }

    /// Whether it gives access.
    pub(crate) fn gives_access(&self) -> bool {
        self.status.gives_access()
    }
}

/// The picture of what was fetched, with the plan's name and what it brings.
pub(super) fn picture(
    fetched: &wire::Membership,
    plan: Option<&wire::Plan>,
    mrr: Option<Money>,
    noted: &[String],
    live: bool,
) -> Membership {
    let text = |name: &String| {
        let text = fetched.metadata.get(name)?.as_str()?;
        (text.len() <= LONGEST_NOTE).then(|| (name.clone(), text.to_owned()))
    };
    let title = plan.and_then(|plan| plan.title.as_deref()).filter(|title| !title.is_empty());
    let product = match (&fetched.product, plan.and_then(|plan| plan.product.as_ref())) {
        (product, Some(of_plan)) if product.title.is_empty() && of_plan.id == product.id => &of_plan.title,
        (product, _) => &product.title,
    };
    Membership {
        id: fetched.id.clone(),
        version: 0,
        created_at: fetched.created_at,
        touched_at: fetched.touched_at(),
        user: fetched.user_id().unwrap_or_default().to_owned(),
        product_id: fetched.product.id.clone(),
        product: if product.is_empty() { fetched.product.id.clone() } else { product.clone() },
        plan_id: fetched.plan_id.clone(),
        plan: title.unwrap_or(&fetched.plan_id).to_owned(),
        status: fetched.status,
        cancel_at_period_end: fetched.cancel_at_period_end,
        period_ends_at: fetched.current_period_end,
        expires_at: fetched.expires_at,
        canceled_at: fetched.canceled_at,
        mrr,
        manage_url: fetched.manage_url.clone(),
        notes: noted.iter().filter_map(text).collect(),
        email: fetched.user.as_ref().and_then(|user| user.email.clone()).unwrap_or_default(),
        live,
        erased: false,
        erased_of: String::new(),
    }
}
