//! What is known about a person: the first word on each matter stands, the owner's against all.

use domain::tab;
use jiff::Timestamp;

use super::{ContactDoc, Identity};
use crate::told::{Rule, Told};

/// The columns that are single texts, and that an operator may set.
pub(crate) const COLUMNS: [&str; 9] = [
    "email",
    "phone",
    "first_name",
    "last_name",
    "company",
    "source",
    "utm_source",
    "utm_medium",
    "utm_campaign",
];

/// The fields of [`COLUMNS`], in their order.
pub(super) fn slots(contact: &mut tab::Contact) -> [&mut String; 9] {
    [
        &mut contact.email,
        &mut contact.phone,
        &mut contact.first_name,
        &mut contact.last_name,
        &mut contact.company,
        &mut contact.source,
        &mut contact.utm_source,
        &mut contact.utm_medium,
        &mut contact.utm_campaign,
    ]
}

// === impl ContactDoc ===

impl ContactDoc {
    /// Fills in what was told about the contact.
    pub(super) fn hear(&mut self, identity: &Identity, facts: tab::Contact, heard_at: Timestamp) {
        if self.whop_user.is_empty() {
            self.whop_user.clone_from(&identity.whop_user);
        }
        let (email, phone) = identity.normalised();
        let mut facts = tab::Contact { email, phone, ..facts };
        for ((column, slot), fact) in COLUMNS.iter().zip(slots(&mut self.contact)).zip(slots(&mut facts)) {
            self.told.take(column, Rule::First, slot, std::mem::take(fact), heard_at);
        }
        self.label(&facts.tags);
        let since = self.contact.created_at.unwrap_or(heard_at);
        self.contact.created_at = Some(since.min(heard_at));
    }

    /// Takes over what another contact is known for.
    pub(super) fn learn(&mut self, mut other: tab::Contact, told: &Told) {
        for ((column, slot), fact) in COLUMNS.iter().zip(slots(&mut self.contact)).zip(slots(&mut other)) {
            self.told.join(column, Rule::First, slot, (told, std::mem::take(fact)));
        }
        self.label(&other.tags);
        let earliest = self.contact.created_at.into_iter().chain(other.created_at).min();
        self.contact.created_at = earliest;
    }

    /// The owner's word on one of [`COLUMNS`].
    pub(super) fn set(&mut self, column: &str, word: String) {
        let index = COLUMNS.iter().position(|known| *known == column);
        if let Some((index, slot)) = index.map(|index| (index, &mut *slots(&mut self.contact)[index])) {
            self.told.own(COLUMNS[index], slot, word);
        }
    }

    pub(super) fn label(&mut self, tags: &[String]) {
        for tag in tags {
            if !self.contact.tags.contains(tag) {
                self.contact.tags.push(tag.clone());
            }
        }
    }

    /// Nothing has changed that is kept.
    pub(super) fn is_same(&self, other: &Self) -> bool {
        (&self.contact, &self.whop_user, &self.told, &self.aliases, &self.erasure, self.standing)
            == (&other.contact, &other.whop_user, &other.told, &other.aliases, &other.erasure, other.standing)
    }
}
