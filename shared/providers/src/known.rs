//! By what people are known to us.
//!
//! What is filed under one thing is looked for under the same, in whatever way either was written. The invariant: nothing
//! blank identifies anybody.

use domain::{id::digest, reach};
use proto::common::v1::Person;

use crate::owner::Owner;

/// One thing by which somebody is known, as it is compared.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Known {
    /// A visitor, `vis_…`.
    Visitor(String),
    /// A verified Whop user.
    WhopUser(String),
    /// An e-mail.
    Email(String),
    /// A phone.
    Phone(String),
}

// === impl Known ===

impl Known {
    /// What a document tells: who asked for it, and by what they are reached.
    pub(crate) fn in_document(owner: &Owner, email: &str, phone: &str) -> Vec<Self> {
        let (email, phone) = reach::read(email, phone);
        let asked = [Self::Visitor(owner.visitor.clone()), Self::WhopUser(owner.whop_user.clone())];
        Self::told(asked.into_iter().chain([Self::Email(email), Self::Phone(phone)]))
    }

    /// All that a person is known by.
    pub fn of(person: &Person) -> Vec<Self> {
        let Person { visitor_ids, whop_user_ids, emails, phones, contact_ids: _ } = person;
        let visitors = visitor_ids.iter().cloned().map(Self::Visitor);
        let users = whop_user_ids.iter().cloned().map(Self::WhopUser);
        let fields = emails.iter().map(|email| (email.as_str(), ""));
        let fields = fields.chain(phones.iter().map(|phone| ("", phone.as_str())));
        let reached = fields.flat_map(|(email, phone)| {
            let (email, phone) = reach::read(email, phone);
            [Self::Email(email), Self::Phone(phone)]
        });
        Self::told(visitors.chain(users).chain(reached))
    }

    fn told(all: impl Iterator<Item = Self>) -> Vec<Self> {
        all.filter(|known| !known.value().is_empty()).collect()
    }

    /// What it is.
    pub fn value(&self) -> &str {
        match self {
            Self::Visitor(value) | Self::WhopUser(value) | Self::Email(value) | Self::Phone(value) => value,
        }
    }

    /// Its hash among those of one purpose.
    pub(crate) fn hash(&self, purpose: &str) -> String {
        let kind = match self {
            Self::Visitor(_) => "visitor",
            Self::WhopUser(_) => "whop_user",
            Self::Email(_) => "email",
            Self::Phone(_) => "phone",
        };
        digest(&[purpose, kind, self.value()])
    }
}
