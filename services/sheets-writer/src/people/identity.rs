//! What people are known by, and what of it was proven.

use domain::{id, reach};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use store::{Collection, Error, Index, Query, Store};

pub(super) const IDENTITIES: Collection<Tie> = Collection::new("identities");
/// The name of their collection.
pub(crate) const IDENTITIES_NAME: &str = IDENTITIES.name();
/// What one contact is known by.
pub(crate) const BY_CONTACT: Index =
    Index { collection: "identities", name: "by_contact", fields: &["contact_id"], orders: store::ASCENDING };

/// What sort of identity it is, strongest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Kind {
    /// A Whop user whose token was checked.
    WhopUser,
    /// An e-mail address.
    Email,
    /// A phone number.
    Phone,
    /// A visitor of a site.
    Visitor,
    /// A chat session.
    Session,
}

/// One identity as a document: whose it is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Tie {
    pub(super) contact_id: String,
    pub(super) kind: Kind,
    /// It came about by a claim: it finds the contact and merges nothing.
    pub(super) claimed: bool,
    /// Somebody who is proven to be the contact said it of themselves, or nobody but the contact was proven to have it.
    #[serde(default)]
    pub(super) own: bool,
    pub(super) since: Timestamp,
    /// What the document's id is the hash of: whoever is to be forgotten must be told to the other services. Ties of
    /// older versions lack it until the person is met again.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub(super) value: String,
}

/// What identifies a person, as far as it is known. Strongest first.
#[derive(Clone, Debug, Default)]
pub(crate) struct Identity {
    /// A Whop user whose token was checked.
    pub(crate) whop_user: String,
    /// E-mail as it was given.
    pub(crate) email: String,
    /// Phone as it was given.
    pub(crate) phone: String,
    /// Visitor of a site.
    pub(crate) visitor: String,
    /// Chat session, the weakest: it ends.
    pub(crate) session: String,
    /// E-mail and phone were given in a chat: claims, not proofs.
    pub(crate) claimed: bool,
}

/// One identity of a call.
#[derive(Clone, Debug)]
pub(super) struct Key {
    pub(super) kind: Kind,
    pub(super) doc_id: String,
    pub(super) value: String,
    pub(super) claimed: bool,
}

/// The visitor that a contact was last; blank if none is known. `fresh` are ties that are being written, as documents.
pub(crate) async fn visitor_of(
    store: &dyn Store,
    contact_id: &str,
    fresh: Vec<Value>,
) -> Result<String, Error> {
    let fresh = fresh.into_iter().filter_map(|tie| serde_json::from_value::<Tie>(tie).ok());
    let is_theirs = |tie: &Tie| tie.kind == Kind::Visitor && tie.contact_id == contact_id;
    if let Some(tie) = fresh.filter(is_theirs).max_by_key(|tie| tie.since) {
        return Ok(tie.value);
    }
    let page = store.query(Query::new(&BY_CONTACT, [Value::from(contact_id)])).await?;
    let ties = page.documents.into_iter().map(|document| IDENTITIES.read(document));
    let ties = ties.collect::<Result<Vec<_>, _>>()?;
    let newest = ties.into_iter().map(|found| found.value).filter(is_theirs).max_by_key(|tie| tie.since);
    Ok(newest.map(|tie| tie.value).unwrap_or_default())
}

// === impl Kind ===

impl Kind {
    /// Its name in documents.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::WhopUser => "whop_user",
            Self::Email => "email",
            Self::Phone => "phone",
            Self::Visitor => "visitor",
            Self::Session => "session",
        }
    }

    /// A person has it for ever, not for a visit.
    pub(super) const fn is_for_ever(self) -> bool {
        matches!(self, Self::WhopUser | Self::Email | Self::Phone)
    }
}

// === impl Tie ===

impl Tie {
    /// Whether it is the contact's person who is known by it, and not whoever said that they were the contact.
    pub(super) fn is_theirs(&self) -> bool {
        self.own || !self.claimed
    }
}

// === impl Identity ===

impl Identity {
    /// The identities, strongest first.
    pub(super) fn keys(&self) -> Vec<Key> {
        let (email, phone) = self.normalised();
        let key = |(kind, value): (Kind, &String)| Key {
            kind,
            doc_id: doc_id(kind, value),
            value: value.clone(),
            claimed: self.claimed && matches!(kind, Kind::Email | Kind::Phone),
        };
        let all = [
            (Kind::WhopUser, &self.whop_user),
            (Kind::Email, &email),
            (Kind::Phone, &phone),
            (Kind::Visitor, &self.visitor),
            (Kind::Session, &self.session),
        ];
        all.into_iter().filter(|(_, value)| !value.is_empty()).map(key).collect()
    }

    /// It names nobody.
    pub(crate) fn is_empty(&self) -> bool {
        self.keys().is_empty()
    }

    /// It has a kind that a person has for ever, not for a visit.
    pub(crate) fn says_who(&self) -> bool {
        let (email, phone) = self.normalised();
        !(email.is_empty() && phone.is_empty() && self.whop_user.is_empty())
    }

    /// E-mail and phone as they are compared; what is neither is blank.
    pub(super) fn normalised(&self) -> (String, String) {
        reach::read(&self.email, &self.phone)
    }
}

/// Id of an identity's document.
pub(super) fn doc_id(kind: Kind, value: &str) -> String {
    id::digest(&[kind.as_str(), value])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn identities_are_compared_as_people_mean_them() {
        let given = Identity {
            email: " Ann@Example.COM ".into(),
            phone: "+49 (30) 123-45".into(),
            ..Default::default()
        };
        assert_eq!(given.normalised(), ("ann@example.com".into(), "+493012345".into()));
        let sms = Identity { email: "+493012345@sms.cal.com".into(), ..Default::default() };
        assert_eq!(sms.normalised(), (String::new(), "+493012345".into()));
        assert_eq!(sms.keys()[0].doc_id, given.keys()[1].doc_id);
        for nobody in ["n/a", "none", "@", "ann@", "ann at example.com", "a b@example.com"] {
            assert!(Identity { email: nobody.into(), ..Default::default() }.keys().is_empty(), "{nobody}");
        }
    }
}
