//! Contacts: one person, known by any number of identities.
//!
//! An identity is a document of its own, made in the contact's commit, so two writers that meet the same person at
//! the same moment end with one contact. The invariant: an identity points to one contact, for ever or until a merge.

use domain::{
    Fault, Row,
    id::{self, ContactId},
    tab,
};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use store::{Attempts, Collection, Store, Work};

use crate::{error::Error, rows};

const CONTACTS: Collection<ContactDoc> = Collection::new("contacts");
const IDENTITIES: Collection<IdentityDoc> = Collection::new("identities");

/// Longest id that a trusted event may give a contact.
const MAX_GIVEN_ID: usize = 64;
/// Fewer digits are an extension or a slip, and would make one person of many.
const MIN_PHONE_DIGITS: usize = 7;

#[derive(Clone, Debug, Serialize, Deserialize)]
struct ContactDoc {
    contact: tab::Contact,
    version: u64,
    /// The verified Whop user, once one was seen; never another one afterwards.
    #[serde(default)]
    whop_user: String,
    /// The survivor, once this contact was merged into another.
    alias_of: Option<String>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
struct IdentityDoc {
    contact_id: String,
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
}

/// A contact that was found or made.
#[derive(Clone, Debug)]
pub(crate) struct Resolved {
    pub(crate) contact: tab::Contact,
    pub(crate) created: bool,
}

// === impl ContactDoc ===

impl ContactDoc {
    /// Two verified Whop users are two people, whatever else they share.
    fn may_be(&self, identity: &Identity) -> bool {
        self.whop_user.is_empty() || identity.whop_user.is_empty() || self.whop_user == identity.whop_user
    }
}

// === impl Identity ===

impl Identity {
    /// The identity's documents, strongest first.
    fn doc_ids(&self) -> Vec<String> {
        let (email, phone) = self.normalised();
        [
            ("whop", &self.whop_user),
            ("email", &email),
            ("phone", &phone),
            ("visitor", &self.visitor),
            ("session", &self.session),
        ]
        .into_iter()
        .filter(|(_, value)| !value.is_empty())
        .map(|(kind, value)| id::digest(&[kind, value]))
        .collect()
    }

    /// It has a kind that a person has for ever, not for a visit.
    pub(crate) fn says_who(&self) -> bool {
        let (email, phone) = self.normalised();
        !(email.is_empty() && phone.is_empty() && self.whop_user.is_empty())
    }

    /// E-mail and phone as they are compared; what is neither is blank. Cal.com's `<phone>@sms.cal.com` is a phone.
    fn normalised(&self) -> (String, String) {
        let email = self.email.trim().to_lowercase();
        match email.strip_suffix("@sms.cal.com") {
            Some(number) => (String::new(), normalise_phone(number)),
            None if is_email(&email) => (email, normalise_phone(&self.phone)),
            None => (String::new(), normalise_phone(&self.phone)),
        }
    }
}

/// Whether somebody can be known by it: all who type `n/a` are not one person.
fn is_email(text: &str) -> bool {
    let parts = text.split_once('@');
    parts.is_some_and(|(name, host)| !name.is_empty() && !host.is_empty() && !host.contains('@'))
        && !text.contains(char::is_whitespace)
}

/// Digits with a leading `+` where it was written; what people put between digits is dropped. Fewer than
/// [`MIN_PHONE_DIGITS`] are no phone.
fn normalise_phone(text: &str) -> String {
    let text = text.trim();
    let digits: String = text.chars().filter(char::is_ascii_digit).collect();
    let prefix = if text.starts_with('+') || text.starts_with("00") { "+" } else { "" };
    if digits.len() < MIN_PHONE_DIGITS {
        String::new()
    } else {
        format!("{prefix}{}", digits.trim_start_matches("00"))
    }
}

/// Checks the id under which a trusted event names a contact.
pub(crate) fn check_given_id(given: &str) -> Result<(), &'static str> {
    let allowed = |b: u8| b.is_ascii_alphanumeric() || b == b'_' || b == b'-';
    if given.len() > MAX_GIVEN_ID || !given.bytes().all(allowed) {
        return Err("must be at most 64 characters of A-Z a-z 0-9 _ -");
    }
    Ok(())
}

/// The contact under `given_id`, made under that id if there is none; only for events that are trusted.
pub(crate) async fn resolve_given(
    work: &mut Work<'_>,
    given_id: &str,
    identity: &Identity,
    facts: tab::Contact,
    now: Timestamp,
) -> Result<Resolved, Error> {
    let known = load(work, given_id).await?;
    settle(work, known, given_id.to_owned(), identity, facts, now).await
}

/// The contact that owns the strongest of the identities, made if nobody does.
pub(crate) async fn resolve(
    work: &mut Work<'_>,
    identity: &Identity,
    facts: tab::Contact,
    now: Timestamp,
) -> Result<Resolved, Error> {
    if identity.doc_ids().is_empty() {
        return Err(Fault::invalid("identity", "a contact needs at least one identity").into());
    }
    let known = find_doc(work, identity).await?;
    settle(work, known, ContactId::generate(now).to_string(), identity, facts, now).await
}

/// As [`resolve`], in a commit of its own.
pub(crate) async fn resolve_alone(
    store: &dyn Store,
    identity: &Identity,
    facts: tab::Contact,
    now: Timestamp,
) -> Result<Resolved, Error> {
    let mut attempts = Attempts::default();
    loop {
        let mut work = Work::new(store);
        let resolved = resolve(&mut work, identity, facts.clone(), now).await?;
        if attempts.commit(work).await? {
            return Ok(resolved);
        }
    }
}

/// Id of the contact that owns the strongest of the identities.
pub(crate) async fn find(work: &mut Work<'_>, identity: &Identity) -> Result<Option<String>, Error> {
    Ok(find_doc(work, identity).await?.map(|doc| doc.contact.id))
}

/// One contact by its id, or the one that it was merged into.
pub(crate) async fn get(store: &dyn Store, contact_id: &str) -> Result<Option<tab::Contact>, Error> {
    Ok(load(&mut Work::new(store), contact_id).await?.map(|doc| doc.contact))
}

/// Id of a contact's document: hashed, since consecutive ids would make one hot spot of the newest contacts.
fn doc_id(contact_id: &str) -> String {
    id::digest(&["contact", contact_id])
}

async fn find_doc(work: &mut Work<'_>, identity: &Identity) -> Result<Option<ContactDoc>, Error> {
    for doc_id in identity.doc_ids() {
        if let Some(owner) = work.get(&IDENTITIES, &doc_id).await? {
            let found = load(work, &owner.contact_id).await?;
            if found.as_ref().is_none_or(|doc| doc.may_be(identity)) {
                return Ok(found);
            }
        }
    }
    Ok(None)
}

async fn load(work: &mut Work<'_>, contact_id: &str) -> Result<Option<ContactDoc>, Error> {
    let mut doc = work.get(&CONTACTS, &doc_id(contact_id)).await?;
    while let Some(survivor) = doc.as_ref().and_then(|doc| doc.alias_of.clone()) {
        doc = work.get(&CONTACTS, &doc_id(&survivor)).await?;
    }
    Ok(doc)
}

/// Fills in what is new about the contact, ties the identities that nobody owns to it, and writes its row.
async fn settle(
    work: &mut Work<'_>,
    known: Option<ContactDoc>,
    new_id: String,
    identity: &Identity,
    facts: tab::Contact,
    now: Timestamp,
) -> Result<Resolved, Error> {
    let created = known.is_none();
    let mut doc = known.unwrap_or_else(|| ContactDoc {
        contact: tab::Contact { id: new_id, created_at: Some(now), ..Default::default() },
        version: 0,
        whop_user: String::new(),
        alias_of: None,
    });
    let before = (doc.contact.clone(), doc.whop_user.clone());
    if doc.whop_user.is_empty() {
        doc.whop_user.clone_from(&identity.whop_user);
    }
    let (email, phone) = identity.normalised();
    fill(&mut doc.contact, tab::Contact { email, phone, ..facts });
    for doc_id in identity.doc_ids() {
        if work.get(&IDENTITIES, &doc_id).await?.is_none() {
            work.put(&IDENTITIES, &doc_id, &IdentityDoc { contact_id: doc.contact.id.clone() });
        }
    }
    if created || before != (doc.contact.clone(), doc.whop_user.clone()) {
        doc.version += 1;
        if created {
            work.create(&CONTACTS, &doc_id(&doc.contact.id), &doc);
        } else {
            work.put(&CONTACTS, &doc_id(&doc.contact.id), &doc);
        }
        let row = Row::of(&doc.contact, doc.version, doc.contact.created_at.unwrap_or(now));
        rows::upsert(work, row).await?;
    }
    Ok(Resolved { contact: doc.contact, created })
}

/// First touch stays: a fact fills an empty field and replaces none.
fn fill(contact: &mut tab::Contact, facts: tab::Contact) {
    let pairs = [
        (&mut contact.email, facts.email),
        (&mut contact.phone, facts.phone),
        (&mut contact.first_name, facts.first_name),
        (&mut contact.last_name, facts.last_name),
        (&mut contact.company, facts.company),
        (&mut contact.source, facts.source),
        (&mut contact.utm_source, facts.utm_source),
        (&mut contact.utm_medium, facts.utm_medium),
        (&mut contact.utm_campaign, facts.utm_campaign),
    ];
    for (field, fact) in pairs {
        if field.is_empty() {
            *field = fact;
        }
    }
    for label in facts.tags {
        if !contact.tags.contains(&label) {
            contact.tags.push(label);
        }
    }
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
        assert_eq!(sms.doc_ids()[0], given.doc_ids()[1]);
        assert_eq!(normalise_phone("0049 30 12345"), "+493012345");
        assert_eq!(normalise_phone("call me"), "");
        assert_eq!(normalise_phone("ext. 12"), "");
        for nobody in ["n/a", "none", "@", "ann@", "ann at example.com", "a b@example.com"] {
            assert!(Identity { email: nobody.into(), ..Default::default() }.doc_ids().is_empty(), "{nobody}");
        }
    }

    #[test]
    fn first_touch_stays_and_a_blank_empties_nothing() {
        let mut contact =
            tab::Contact { utm_source: "yt".into(), first_name: "Ann".into(), ..Default::default() };
        let later = tab::Contact { utm_source: "ads".into(), utm_medium: "cpc".into(), ..Default::default() };
        fill(&mut contact, later);
        assert_eq!((&*contact.utm_source, &*contact.utm_medium, &*contact.first_name), ("yt", "cpc", "Ann"));
    }
}
