//! Contacts of people who want to be forgotten: what they are known by, and what stays of them.
//!
//! The invariant: from the commit that blanks a contact on, nothing leads to it but its id, and nothing is learnt about
//! it any more; whoever comes by one of its identities is a new person. For thirty days the hashes of its identities
//! are kept beside the time, so that what comes late is known to be late.

use std::collections::{BTreeMap, BTreeSet};

use domain::Tab;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::json;
use store::{Collection, Query, Store, Work};

use super::{
    CONTACTS, ContactDoc, Identity, doc_id, facts,
    identity::{self, BY_CONTACT, IDENTITIES, Kind, Tie},
    load,
};
use crate::{
    error::{Error, contact_unknown},
    rows::{self, RowKey, veil::Veil},
};

/// Identities of people who were forgotten, each by its hash alone: what comes late is known by them.
const GIVEN_UP: Collection<GivenUp> = Collection::new("given_up_identities");
/// How late something may come and bring nothing back. Then the hash goes as well.
const LATE: SignedDuration = SignedDuration::from_hours(30 * 24);
/// Identities that are read or deleted at once.
const PAGE: u32 = 100;
/// What is left of a contact: nothing that names anybody.
const KEPT: [&str; 4] = ["source", "utm_source", "utm_medium", "utm_campaign"];

/// Everything by which a person is known.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Known {
    pub(crate) contact_ids: BTreeSet<String>,
    pub(crate) visitors: BTreeSet<String>,
    pub(crate) whop_users: BTreeSet<String>,
    pub(crate) emails: BTreeSet<String>,
    pub(crate) phones: BTreeSet<String>,
    /// Chat sessions that lead to them.
    pub(crate) sessions: BTreeSet<String>,
    /// Names and employers, to be found in other texts.
    pub(crate) words: BTreeSet<String>,
}

/// An identity that led to somebody who was forgotten.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct GivenUp {
    erased_at: Timestamp,
}

// === impl Known ===

impl Known {
    /// Takes in what else they are known by; false if it was known.
    pub(crate) fn join(&mut self, other: Self) -> bool {
        let before = self.clone();
        self.contact_ids.extend(other.contact_ids);
        self.visitors.extend(other.visitors);
        self.whop_users.extend(other.whop_users);
        self.emails.extend(other.emails);
        self.phones.extend(other.phones);
        self.sessions.extend(other.sessions);
        self.words.extend(other.words);
        *self != before
    }

    fn of_kind(&mut self, kind: Kind) -> &mut BTreeSet<String> {
        match kind {
            Kind::WhopUser => &mut self.whop_users,
            Kind::Email => &mut self.emails,
            Kind::Phone => &mut self.phones,
            Kind::Visitor => &mut self.visitors,
            Kind::Session => &mut self.sessions,
        }
    }
}

/// Everything by which a contact's person is known. An address that another contact has proved to be theirs is not
/// theirs, whatever they said; nor is what others brought along who said that they were the contact.
pub(crate) async fn gather(work: &mut Work<'_>, store: &dyn Store, contact_id: &str) -> Result<Known, Error> {
    let doc = load(work, contact_id).await?.ok_or_else(contact_unknown)?;
    let mut known = Known { contact_ids: ids(&doc), ..Known::default() };
    for id in known.contact_ids.clone() {
        for tie in ties_of(store, &id).await? {
            if tie.is_theirs() && !tie.value.is_empty() {
                known.of_kind(tie.kind).insert(tie.value);
            }
        }
        let Some(doc) = work.get(&CONTACTS, &doc_id(&id)).await? else { continue };
        let said = Identity {
            whop_user: doc.whop_user,
            email: doc.contact.email,
            phone: doc.contact.phone,
            ..Identity::default()
        };
        for key in said.keys() {
            if tie_leads_to(work, key.kind, &key.value, &known.contact_ids).await? {
                known.of_kind(key.kind).insert(key.value);
            }
        }
        let words = [doc.contact.first_name, doc.contact.last_name, doc.contact.company];
        known.words.extend(words.into_iter().filter(|word| !word.is_empty()));
    }
    Ok(known)
}

/// Whether an identity is of one of these contacts.
async fn tie_leads_to(
    work: &mut Work<'_>,
    kind: Kind,
    value: &str,
    contact_ids: &BTreeSet<String>,
) -> Result<bool, Error> {
    let tie = work.get(&IDENTITIES, &identity::doc_id(kind, value)).await?;
    Ok(tie.is_some_and(|tie| tie.is_theirs() && contact_ids.contains(&tie.contact_id)))
}

/// Whether a session in rows of these contacts is nobody else's.
pub(super) async fn may_have(
    work: &mut Work<'_>,
    session: &str,
    contact_ids: &BTreeSet<String>,
) -> Result<bool, Error> {
    let tie = work.get(&IDENTITIES, &identity::doc_id(Kind::Session, session)).await?;
    Ok(tie.is_none_or(|tie| contact_ids.contains(&tie.contact_id)))
}

/// Whether an identity leads to anybody.
pub(crate) async fn is_tied(work: &mut Work<'_>, kind: Kind, value: &str) -> Result<bool, Error> {
    Ok(work.get(&IDENTITIES, &identity::doc_id(kind, value)).await?.is_some())
}

/// Whether a text is one of these phone numbers, in whatever notation.
pub(crate) fn is_phone_among(text: &str, phones: &BTreeSet<String>) -> bool {
    let number = domain::reach::phone(text);
    !number.is_empty() && phones.contains(&number)
}

fn ids(doc: &ContactDoc) -> BTreeSet<String> {
    [doc.contact.id.clone()].into_iter().chain(doc.aliases.iter().cloned()).collect()
}

async fn ties_of(store: &dyn Store, contact_id: &str) -> Result<Vec<Tie>, Error> {
    let (mut ties, mut after) = (Vec::new(), None);
    loop {
        let page = store.query(Query::new(&BY_CONTACT, [json!(contact_id)]).limit(PAGE).after(after)).await?;
        for document in page.documents {
            ties.push(IDENTITIES.read(document)?.value);
        }
        after = page.next;
        if after.is_none() {
            return Ok(ties);
        }
    }
}

/// The contact that stands for an id now, and the erasure that was begun for it.
pub(crate) async fn erasure_of(
    work: &mut Work<'_>,
    contact_id: &str,
) -> Result<(String, Option<String>), Error> {
    let doc = load(work, contact_id).await?.ok_or_else(contact_unknown)?;
    Ok((doc.contact.id, doc.erasure))
}

/// Notes that an erasure was begun.
pub(crate) async fn mark_erasure(
    work: &mut Work<'_>,
    contact_id: &str,
    erasure_id: &str,
) -> Result<(), Error> {
    let mut doc = load(work, contact_id).await?.ok_or_else(contact_unknown)?;
    doc.erasure = Some(erasure_id.to_owned());
    work.put(&CONTACTS, &doc_id(doc.id()), &doc);
    Ok(())
}

/// When the contact's person was forgotten.
pub(crate) async fn erased_at(work: &mut Work<'_>, contact_id: &str) -> Result<Option<Timestamp>, Error> {
    Ok(load(work, contact_id).await?.and_then(|doc| doc.erased_at))
}

/// Whether the contact's person was forgotten; nobody was not.
pub(crate) async fn is_erased(work: &mut Work<'_>, contact_id: &str) -> Result<bool, Error> {
    Ok(!contact_id.is_empty() && erased_at(work, contact_id).await?.is_some())
}

/// Those of `contact_ids` whose person was forgotten, with the erasure; all are read at once.
pub(crate) async fn forgotten(
    work: &mut Work<'_>,
    contact_ids: &BTreeSet<String>,
) -> Result<BTreeMap<String, String>, store::Error> {
    work.prefetch(contact_ids.iter().map(|id| CONTACTS.key(doc_id(id))).collect()).await?;
    let mut forgotten = BTreeMap::new();
    for id in contact_ids {
        // An alias is blanked a little later than its survivor.
        let found = load(work, id).await?.filter(|doc| doc.erased_at.is_some());
        forgotten.extend(found.and_then(|doc| doc.erasure).map(|erasure| (id.clone(), erasure)));
    }
    Ok(forgotten)
}

/// Blanks one contact, be it an alias, and its row; false if that was done before.
pub(crate) async fn blank(
    work: &mut Work<'_>,
    contact_id: &str,
    erasure_id: &str,
    veil: &Veil,
    now: Timestamp,
) -> Result<bool, Error> {
    let Some(mut doc) = work.get(&CONTACTS, &doc_id(contact_id)).await? else { return Ok(false) };
    if doc.erased_at.is_some() {
        return Ok(false);
    }
    for (column, slot) in super::COLUMNS.iter().zip(facts::slots(&mut doc.contact)) {
        *slot = if KEPT.contains(column) { veil.category(slot) } else { String::new() };
    }
    doc.contact.tags.clear();
    doc.whop_user.clear();
    doc.erasure = Some(erasure_id.to_owned());
    doc.erased_at = Some(now);
    work.put(&CONTACTS, &doc_id(contact_id), &doc);
    let row = RowKey { tab: Tab::Contacts, id: contact_id.to_owned() };
    Ok(rows::erased::erase(work, &row, erasure_id, veil).await?)
}

/// Until when somebody who comes by one of these identities tells of what was before they were forgotten.
pub(crate) async fn forgotten_at(
    work: &mut Work<'_>,
    identity: &Identity,
) -> Result<Option<Timestamp>, Error> {
    let keys = identity.keys();
    work.prefetch(keys.iter().map(|key| GIVEN_UP.key(&*key.doc_id)).collect()).await?;
    let mut latest = None;
    for key in keys {
        latest = latest.max(work.get(&GIVEN_UP, &key.doc_id).await?.map(|given_up| given_up.erased_at));
    }
    Ok(latest)
}

/// As [`forgotten_at`]; also of somebody who is being forgotten, while what they were known by still leads to them.
pub(crate) async fn left_at(work: &mut Work<'_>, identity: &Identity) -> Result<Option<Timestamp>, Error> {
    let mut latest = forgotten_at(work, identity).await?;
    for key in identity.keys() {
        let tie = work.get(&IDENTITIES, &key.doc_id).await?.filter(Tie::is_theirs);
        if let Some(tie) = tie {
            latest = latest.max(erased_at(work, &tie.contact_id).await?);
        }
    }
    Ok(latest)
}

/// Deletes the next identities that lead to a contact; answers how many.
pub(crate) async fn give_up(
    work: &mut Work<'_>,
    store: &dyn Store,
    contact_id: &str,
) -> Result<usize, Error> {
    let page = store.query(Query::new(&BY_CONTACT, [json!(contact_id)]).limit(PAGE)).await?;
    let erased_at = erased_at(work, contact_id).await?;
    let mut deleted = 0;
    for document in page.documents {
        let tie = work.get(&IDENTITIES, &document.id).await?;
        let Some(tie) = tie.filter(|tie| tie.contact_id == contact_id) else { continue };
        work.delete(&IDENTITIES, &document.id);
        deleted += 1;
        if let Some(erased_at) = erased_at.filter(|_| tie.is_theirs()) {
            let until = erased_at + LATE;
            work.get(&GIVEN_UP, &document.id).await?;
            work.put_until(&GIVEN_UP, &document.id, &GivenUp { erased_at }, Some(until));
        }
    }
    Ok(deleted)
}
