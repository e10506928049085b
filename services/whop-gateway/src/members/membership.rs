//! A membership as it is kept.
//!
//! The invariants: no licence key is in it, and of what is noted at Whop nothing but what the configuration names; and what
//! was noted for one member is not shown to another.

use std::collections::BTreeMap;

use domain::{Money, id::digest};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use store::Collection;

use crate::whop::wire::{self, Status};

/// All memberships.
pub(crate) const MEMBERSHIPS: Collection<Membership> = Collection::new("memberships");

/// Longest text of the metadata that is kept.
const LONGEST_NOTE: usize = 2_048;

/// What was noted for somebody who had a membership before.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Former {
    /// Hash of the user.
    of: String,
    /// Hash of what was noted.
    value: String,
}

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
    /// What was noted for whoever had it before, until Whop shows something else under the same name.
    #[serde(default)]
    pub(crate) former: BTreeMap<String, Former>,
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

    /// When it ended, if it has. Whop tells when it was called off, which may be long before: what has ended did so when
    /// access was to end, or where it was broken off before, or that is not said, when it changed last.
    pub(crate) fn ended_at(&self) -> Option<Timestamp> {
        if !matches!(self.status, Status::Canceled | Status::Expired) {
            return None;
        }
        // One that never changed since it was made shows that no change is told.
        let changed = Some(self.touched_at).filter(|touched| *touched > self.created_at);
        [self.ends_at(), changed].into_iter().flatten().min()
    }

    /// Whop could not be asked since: what it said is held against the time. Where it ended by then it has ended.
    pub(super) fn lapse(&mut self, now: Timestamp) {
        if self.gives_access() && self.ends_at().is_some_and(|end| end <= now) {
            self.status = Status::Expired;
        }
    }

    /// Whether it lacks something that Whop says. What changed within the same moment is told by what changes most.
    pub(super) fn is_behind(&self, fetched: &wire::Membership) -> bool {
        let says = (fetched.status, fetched.cancel_at_period_end, fetched.current_period_end);
        let differs = says != (self.status, self.cancel_at_period_end, self.period_ends_at);
        self.touched_at < fetched.touched_at() || (self.touched_at == fetched.touched_at() && differs)
    }

    /// Takes the place of `known`. Whop keeps what is noted when a membership is passed on: to its new member that is
    /// nothing, until Whop shows another value.
    pub(super) fn succeed(&mut self, known: &Self) {
        self.former.clone_from(&known.former);
        if known.user != self.user {
            remember(&mut self.former, &known.user, &known.notes);
        }
        let (of, former) = (of_user(&self.user), &mut self.former);
        self.notes.retain(|name, value| match former.get(name) {
            Some(left) if left.value == of_note(value) => left.of == of,
            Some(_) => {
                former.remove(name);
                true
            }
            None => true,
        });
    }

    /// Takes out what is noted for its user, which is nobody else's afterwards.
    pub(super) fn drop_notes(&mut self) {
        remember(&mut self.former, &self.user, &self.notes);
        self.notes.clear();
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

/// Keeps of what was noted for a user by what it is known again.
fn remember(former: &mut BTreeMap<String, Former>, user: &str, notes: &BTreeMap<String, String>) {
    if !user.is_empty() {
        let of = |value| Former { of: of_user(user), value: of_note(value) };
        former.extend(notes.iter().map(|(name, value)| (name.clone(), of(value))));
    }
}

fn of_user(user: &str) -> String {
    digest(&["former", "user", user])
}

fn of_note(value: &str) -> String {
    digest(&["former", "note", value])
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
        former: BTreeMap::new(),
        email: fetched.user.as_ref().and_then(|user| user.email.clone()).unwrap_or_default(),
        live,
        erased: false,
        erased_of: String::new(),
    }
}
