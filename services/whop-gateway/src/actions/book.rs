//! The configuration of what members may ask for.
//!
//! The invariant: a [`Book`] that was read can be used; what is wrong with its file is told all at once.

use std::collections::HashSet;

use serde::Deserialize;

use super::{Does, Offered, Place};
use crate::{members::Membership, whop::wire::is_https};

/// What is used unless there is a file.
const BUILT_IN: &str = include_str!("../../quick-actions.toml");
/// Longest label.
const LONGEST_LABEL: usize = 60;

/// What products give.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Book {
    #[serde(default)]
    products: Vec<Product>,
}

/// What is wrong with a file.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub(crate) struct Problem(pub(crate) String);

#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
struct Product {
    product: String,
    /// Only these; all if empty.
    #[serde(default)]
    plans: Vec<String>,
    #[serde(default)]
    actions: Vec<Action>,
}

#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
struct Action {
    id: String,
    label: String,
    url: Option<String>,
    url_metadata: Option<String>,
    drive_folder: Option<String>,
    drive_folder_metadata: Option<String>,
    notion_data_source: Option<String>,
    notion_data_source_metadata: Option<String>,
    #[serde(default)]
    support: bool,
    upgrade_plan: Option<String>,
}

/// What an action does, by the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Doing<'a> {
    /// Opens this link.
    Open(Folder<'a>),
    /// Lists a folder of Drive.
    Drive(Folder<'a>),
    /// Lists a data source of Notion.
    Notion(Folder<'a>),
    /// Opens a ticket.
    Support,
    /// Makes a link by which this plan is bought.
    Upgrade(&'a str),
}

/// Where something is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Folder<'a> {
    /// It is this.
    Is(&'a str),
    /// It is what the membership's metadata has under this name.
    Noted(&'a str),
}

// === impl Book ===

impl Book {
    /// The one that is compiled in.
    pub(crate) fn built_in() -> Self {
        Self::read(BUILT_IN).expect("the compiled-in file is sound")
    }

    /// Reads a file; all problems at once.
    pub(crate) fn read(text: &str) -> Result<Self, Vec<Problem>> {
        let book: Self = toml::from_str(text).map_err(|error| vec![Problem(error.to_string())])?;
        let problems = book.products.iter().flat_map(Product::problems);
        let problems: Vec<_> = problems.chain(book.repeated()).map(Problem).collect();
        if problems.is_empty() { Ok(book) } else { Err(problems) }
    }

    /// Actions that one membership would be given twice under the same id.
    fn repeated(&self) -> impl Iterator<Item = String> + '_ {
        let pairs = self.products.iter().enumerate().flat_map(|(at, product)| {
            let others = self.products[..at].iter().filter(|other| other.meets(product));
            others.map(move |other| (other, product))
        });
        pairs.flat_map(|(other, product)| {
            let again =
                product.actions.iter().filter(|action| other.actions.iter().any(|one| one.id == action.id));
            again.map(|action| format!("{}: action {:?} stands twice", product.product, action.id))
        })
    }

    /// Names of metadata that are needed of a membership.
    pub(crate) fn noted(&self) -> Vec<String> {
        let actions = self.products.iter().flat_map(|product| &product.actions);
        let names = actions.flat_map(|action| {
            [&action.url_metadata, &action.drive_folder_metadata, &action.notion_data_source_metadata]
        });
        let mut names: Vec<String> = names.flatten().cloned().collect();
        names.sort();
        names.dedup();
        names
    }

    /// Whether something is in Notion.
    pub(crate) fn needs_notion(&self) -> bool {
        let mut actions = self.products.iter().flat_map(|product| &product.actions);
        actions.any(|action| matches!(action.doing(), Some(Doing::Notion(_))))
    }

    /// What somebody with these memberships may ask for. Two memberships of one product give an action each, which the
    /// membership's id tells apart.
    pub(super) fn offered(&self, memberships: &[Membership], has_notion: bool) -> Vec<Offered> {
        let mut offered: Vec<Offered> = Vec::new();
        let has = |plan: &str| memberships.iter().any(|one| one.gives_access() && one.plan_id == plan);
        for product in &self.products {
            for membership in memberships.iter().filter(|membership| product.gives_to(membership)) {
                for action in &product.actions {
                    let Some(does) = action.does(membership, has_notion) else { continue };
                    // Whoever has the plan does not buy it.
                    if matches!(&does, Does::Upgrade(plan) if has(plan)) {
                        continue;
                    }
                    let is_taken = offered.iter().any(|other| other.id == action.id);
                    let id =
                        if is_taken { format!("{}:{}", action.id, membership.id) } else { action.id.clone() };
                    // Whoever has two products has one support channel.
                    let again = |other: &Offered| other.does == does && other.label == action.label;
                    if !offered.iter().any(again) {
                        let (label, membership) = (action.label.clone(), membership.clone());
                        offered.push(Offered { id, label, does, membership });
                    }
                }
            }
        }
        offered
    }
}

// === impl Product ===

impl Product {
    fn gives_to(&self, membership: &Membership) -> bool {
        let is_plan = self.plans.is_empty() || self.plans.contains(&membership.plan_id);
        membership.gives_access() && membership.product_id == self.product && is_plan
    }

    /// Whether a membership can be of both.
    fn meets(&self, other: &Self) -> bool {
        let is_shared = self.plans.iter().any(|plan| other.plans.contains(plan));
        self.product == other.product && (self.plans.is_empty() || other.plans.is_empty() || is_shared)
    }

    fn problems(&self) -> Vec<String> {
        let name = &self.product;
        let mut problems = Vec::new();
        if !name.starts_with("prod_") || domain::id::check(name).is_err() {
            problems.push(format!("product {name:?} must be prod_…"));
        }
        for plan in self.plans.iter().chain(self.actions.iter().filter_map(|one| one.upgrade_plan.as_ref())) {
            if !plan.starts_with("plan_") || domain::id::check(plan).is_err() {
                problems.push(format!("{name}: plan {plan:?} must be plan_…"));
            }
        }
        let mut ids = HashSet::new();
        for action in &self.actions {
            if !ids.insert(&action.id) {
                problems.push(format!("{name}: action {:?} stands twice", action.id));
            }
            problems.extend(action.problems().into_iter().map(|problem| format!("{name}: {problem}")));
        }
        problems
    }
}

// === impl Action ===

impl Action {
    fn doing(&self) -> Option<Doing<'_>> {
        let all = [
            self.url.as_deref().map(|it| Doing::Open(Folder::Is(it))),
            self.url_metadata.as_deref().map(|it| Doing::Open(Folder::Noted(it))),
            self.drive_folder.as_deref().map(|it| Doing::Drive(Folder::Is(it))),
            self.drive_folder_metadata.as_deref().map(|it| Doing::Drive(Folder::Noted(it))),
            self.notion_data_source.as_deref().map(|it| Doing::Notion(Folder::Is(it))),
            self.notion_data_source_metadata.as_deref().map(|it| Doing::Notion(Folder::Noted(it))),
            self.support.then_some(Doing::Support),
            self.upgrade_plan.as_deref().map(Doing::Upgrade),
        ];
        let mut said = all.into_iter().flatten();
        let (doing, None) = (said.next()?, said.next()) else { return None };
        Some(doing)
    }

    /// What it does for this membership; `None` if that is nothing.
    fn does(&self, membership: &Membership, has_notion: bool) -> Option<Does> {
        let place = |folder: Folder<'_>| match folder {
            Folder::Is(it) => Some(it.to_owned()),
            Folder::Noted(name) => membership.notes.get(name).cloned(),
        };
        let id = |folder| place(folder).filter(|id| domain::id::check(id).is_ok());
        match self.doing()? {
            Doing::Open(link) => place(link).filter(|link| is_https(link)).map(Does::Open),
            Doing::Drive(folder) => id(folder).map(|id| Does::List(Place::Drive(id))),
            Doing::Notion(source) if has_notion => id(source).map(|id| Does::List(Place::Notion(id))),
            Doing::Notion(_) => None,
            Doing::Support => Some(Does::Support),
            Doing::Upgrade(plan) => Some(Does::Upgrade(plan.to_owned())),
        }
    }

    fn problems(&self) -> Vec<String> {
        let id = &self.id;
        let mut problems = Vec::new();
        let is_id =
            !id.is_empty() && id.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
        if !is_id || id.len() > 40 {
            problems.push(format!("action {id:?} must be named by 1 to 40 of a-z, 0-9 and -"));
        }
        if self.label.trim().is_empty() || self.label.chars().count() > LONGEST_LABEL {
            problems.push(format!("action {id:?} must have a label of at most {LONGEST_LABEL} characters"));
        }
        match self.doing() {
            None => problems.push(format!("action {id:?} must say one thing that it does")),
            Some(Doing::Open(Folder::Is(url))) if !is_https(url) => {
                problems.push(format!("action {id:?}: url must be https://…"));
            }
            Some(Doing::Drive(Folder::Is(place)) | Doing::Notion(Folder::Is(place)))
                if domain::id::check(place).is_err() =>
            {
                problems.push(format!("action {id:?}: a folder must be given by its id"));
            }
            Some(_) => {}
        }
        problems
    }
}

#[cfg(test)]
mod tests;
