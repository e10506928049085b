//! Contacts: one person, known by any number of identities.
//!
//! An identity is a document of its own, made in the contact's commit, so two writers that meet the same person at
//! the same moment end with one contact. The strongest identity finds the contact; identities of several contacts in
//! one call make them one, unless that rests on a claim. The invariant: an identity leads to one contact until a merge
//! makes that contact an alias, or a proof takes a claimed identity elsewhere.
//!
//! # What a stranger can do with claims
//! Whoever chats can say any e-mail and phone, in the name of any number of visitors. So a claim
//! - *joins* rows for the owner's eyes: a lead of an unknown visitor who says `ann@example.com` is Ann's lead in the
//!   books. A stranger can put words into Ann's rows that way, as with any contact form. Facts never replace facts,
//!   and nothing here answers a chat: what a session may read goes by its visitor and its verified Whop user, never by
//!   the contact that a claim led to;
//! - *merges* nothing: otherwise one message with two people's addresses would make them one in the books;
//! - merges nothing *later* either: an identity that was tied through a claim is marked, and what is marked finds a
//!   contact and never merges two. Without the mark, a visitor who claims Ann in one session and Ben in the next would
//!   have both on his ties, and the next harmless turn would make them one;
//! - *gives way* to proof: who claims an address before its owner is known gets it only until a call that proves it
//!   leads to another contact. Where nothing else is known the claim does lead the owner of the books from a payment
//!   to the chat before it, which is what it is kept for;
//! - leads *no verified Whop user* anywhere, be the claim made before they log in or after: theirs is a contact that
//!   something proven leads to, or a new one. A contact to which a claim has led somebody's proof becomes no Whop
//!   user's and nobody else's ([`Standing`]), and a proof is led by no claim to a contact that is proven to be
//!   somebody's: the chat was anybody's, the payment is not;
//! - never touches two verified Whop users, nor two contacts that a trusted sender named by ids of its own: these are
//!   merged by nobody, or by the operator alone.

mod directory;
mod export;
mod facts;
mod forgetting;
mod identity;
mod merge;
mod standing;
#[cfg(test)]
mod tests;

use domain::{
    Fault, Row,
    id::{self, ContactId},
    tab,
};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use store::{Attempts, Collection, Store, Work};

use crate::{error::Error, rows, told::Told};
pub(crate) use directory::{current_id, find_all, get, ids, list, show_survivors, tag, update, words};
pub(crate) use export::export;
pub(crate) use facts::COLUMNS;
pub(crate) use forgetting::{
    Known, blank, erased_at, erasure_of, forgotten, forgotten_at, gather, give_up, is_erased, is_phone_among,
    is_tied, left_at, mark_erasure,
};
pub(crate) use identity::{BY_CONTACT, IDENTITIES_NAME, Identity, Kind, visitor_of};
pub(crate) use merge::merge;
#[cfg(test)]
pub(crate) use tests::{Desk, email, phone, tie, visitor};

use identity::{IDENTITIES, Key, Tie};
use standing::Standing;

const CONTACTS: Collection<ContactDoc> = Collection::new("contacts");

/// Longest id that a trusted event may give a contact.
const MAX_GIVEN_ID: usize = 64;

#[derive(Clone, Debug, Serialize, Deserialize)]
struct ContactDoc {
    contact: tab::Contact,
    version: u64,
    /// The verified Whop user, once one was seen; never another one afterwards.
    #[serde(default)]
    whop_user: String,
    /// The id by which a trusted sender knows them, if it named one.
    #[serde(default)]
    named: String,
    /// What is proven about whose it is.
    #[serde(default)]
    standing: Standing,
    /// When each fact was told.
    #[serde(default)]
    told: Told,
    /// Contacts that were merged into this one, and into those.
    #[serde(default)]
    aliases: Vec<String>,
    /// The survivor, once this contact was merged into another.
    alias_of: Option<String>,
    /// The erasure that was begun for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    erasure: Option<String>,
    /// When the person was forgotten. From then on no identity leads here and nothing is learnt.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    erased_at: Option<Timestamp>,
}

/// A contact that was found or made.
#[derive(Clone, Debug)]
pub(crate) struct Resolved {
    pub(crate) contact: tab::Contact,
    pub(crate) created: bool,
}

/// A contact that an identity of a call leads to.
struct Candidate {
    doc: ContactDoc,
    /// Something proven leads to it.
    proven: bool,
    /// Only ties that a claim made lead to it, and this call claims nothing.
    last: bool,
    /// An address that the call proves leads to it by a claim.
    lent: bool,
    /// What leads to it is the person's own word.
    own: bool,
}

// === impl ContactDoc ===

impl ContactDoc {
    fn new(id: String) -> Self {
        Self {
            contact: tab::Contact { id, ..Default::default() },
            version: 0,
            whop_user: String::new(),
            named: String::new(),
            standing: Standing::default(),
            told: Told::default(),
            aliases: Vec::new(),
            alias_of: None,
            erasure: None,
            erased_at: None,
        }
    }

    fn id(&self) -> &str {
        &self.contact.id
    }

    /// Two verified Whop users are two people, whatever else they share.
    fn may_be(&self, identity: &Identity) -> bool {
        is_compatible(&self.whop_user, &identity.whop_user)
    }

    /// Whether the two may become one without anybody deciding it.
    fn may_join(&self, other: &Self) -> bool {
        is_compatible(&self.whop_user, &other.whop_user)
            && is_compatible(&self.named, &other.named)
            && self.standing().may_join(other.standing())
    }

    fn standing(&self) -> Standing {
        let known_user = if self.whop_user.is_empty() { Standing::Said } else { Standing::Proven };
        self.standing.max(known_user)
    }
}

// === impl Candidate ===

impl Candidate {
    fn proven(doc: ContactDoc) -> Self {
        Self { doc, proven: true, last: false, lent: false, own: true }
    }

    /// Whether a call with this identity may be about it.
    fn may_be(&self, identity: &Identity) -> bool {
        let is_theirs = !identity.whop_user.is_empty() && self.doc.whop_user == identity.whop_user;
        match self.doc.standing() {
            Standing::Mixed if !identity.whop_user.is_empty() => is_theirs,
            Standing::Proven if self.lent && !self.proven => false,
            _ => self.proven || identity.whop_user.is_empty(),
        }
    }
}

fn is_compatible(one: &str, other: &str) -> bool {
    one.is_empty() || other.is_empty() || one == other
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
    heard_at: Timestamp,
) -> Result<Resolved, Error> {
    let known = load(work, given_id).await?;
    let mut doc = known.unwrap_or_else(|| ContactDoc::new(given_id.to_owned()));
    if doc.version == 0 {
        given_id.clone_into(&mut doc.named);
    }
    doc.standing = doc.standing.max(Standing::Proven);
    settle(work, Some(Candidate::proven(doc)), identity, facts, heard_at).await
}

/// The contact that owns the strongest of the identities, made if nobody does.
pub(crate) async fn resolve(
    work: &mut Work<'_>,
    identity: &Identity,
    facts: tab::Contact,
    heard_at: Timestamp,
) -> Result<Resolved, Error> {
    if identity.keys().is_empty() {
        return Err(Fault::invalid("identity", "a contact needs at least one identity").into());
    }
    settle(work, None, identity, facts, heard_at).await
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

/// The contact that owns the strongest of the identities.
pub(crate) async fn find(work: &mut Work<'_>, identity: &Identity) -> Result<Option<tab::Contact>, Error> {
    let ties = ties(work, identity).await?;
    let mut found = candidates(work, None, &ties, identity).await?;
    Ok(best(&found).map(|index| found.swap_remove(index).doc.contact))
}

/// Id of a contact's document: hashed, since consecutive ids would make one hot spot of the newest contacts.
pub(crate) fn doc_id(contact_id: &str) -> String {
    id::digest(&["contact", contact_id])
}

/// The contact under an id, or the one that it was merged into.
async fn load(work: &mut Work<'_>, contact_id: &str) -> Result<Option<ContactDoc>, store::Error> {
    let mut doc = work.get(&CONTACTS, &doc_id(contact_id)).await?;
    while let Some(survivor) = doc.as_ref().and_then(|doc| doc.alias_of.clone()) {
        doc = work.get(&CONTACTS, &doc_id(&survivor)).await?;
    }
    Ok(doc)
}

/// Writes a contact that has changed, and its row.
async fn save(work: &mut Work<'_>, doc: &mut ContactDoc, row: tab::Contact) -> Result<(), Error> {
    doc.version += 1;
    if doc.version == 1 {
        work.create(&CONTACTS, &doc_id(doc.id()), doc);
    } else {
        work.put(&CONTACTS, &doc_id(doc.id()), doc);
    }
    let since = doc.contact.created_at.unwrap_or(Timestamp::UNIX_EPOCH);
    rows::upsert(work, Row::of(&row, doc.version, since)).await?;
    Ok(())
}

async fn ties(work: &mut Work<'_>, identity: &Identity) -> Result<Vec<(Key, Option<Tie>)>, Error> {
    let keys = identity.keys();
    work.prefetch(keys.iter().map(|key| IDENTITIES.key(&*key.doc_id)).collect()).await?;
    let mut ties = Vec::with_capacity(keys.len());
    for key in keys {
        let mut tie = work.get(&IDENTITIES, &key.doc_id).await?;
        if let Some(found) = &tie
            && load(work, &found.contact_id).await?.is_some_and(|doc| doc.erased_at.is_some())
        {
            // Whoever comes by it is a new person.
            tie = None;
        }
        ties.push((key, tie));
    }
    Ok(ties)
}

/// The contacts that a call may be about by its identities, each once, strongest first.
async fn candidates(
    work: &mut Work<'_>,
    named: Option<Candidate>,
    ties: &[(Key, Option<Tie>)],
    identity: &Identity,
) -> Result<Vec<Candidate>, Error> {
    let mut found: Vec<Candidate> = named.into_iter().collect();
    for (key, tie) in ties {
        let Some(tie) = tie else { continue };
        let Some(doc) = load(work, &tie.contact_id).await?.filter(|doc| doc.may_be(identity)) else {
            continue;
        };
        let last = !key.claimed && tie.claimed;
        let (proven, lent) = (!key.claimed && !tie.claimed, last && key.kind.is_for_ever());
        let own = lent && tie.own;
        match found.iter_mut().find(|known| known.doc.id() == doc.id()) {
            Some(known) => {
                (known.proven, known.last) = (known.proven || proven, known.last && last);
                (known.lent, known.own) = (known.lent || lent, known.own || own);
            }
            None => found.push(Candidate { doc, proven, last, lent, own }),
        }
    }
    found.retain(|candidate| candidate.may_be(identity));
    Ok(found)
}

/// The first contact that something in the call itself leads to, else the first at all.
fn best(found: &[Candidate]) -> Option<usize> {
    found.iter().position(|candidate| !candidate.last).or((!found.is_empty()).then_some(0))
}

/// Finds the contact or makes it, merges what is proven to be one, fills in what is new, ties the identities, and
/// writes the row.
async fn settle(
    work: &mut Work<'_>,
    named: Option<Candidate>,
    identity: &Identity,
    facts: tab::Contact,
    heard_at: Timestamp,
) -> Result<Resolved, Error> {
    let ties = ties(work, identity).await?;
    let mut found = candidates(work, named, &ties, identity).await?;
    let mut chosen = match best(&found) {
        Some(index) => found.remove(index),
        None => Candidate::proven(ContactDoc::new(ContactId::generate(heard_at).to_string())),
    };
    let before = (chosen.doc.version > 0).then(|| chosen.doc.clone());
    chosen.rise(&ties);
    chosen.doc.hear(identity, facts, heard_at);
    if chosen.proven {
        for other in found.into_iter().filter(|other| other.proven) {
            if chosen.doc.may_join(&other.doc) {
                chosen.doc = merge::join(work, chosen.doc, other.doc).await?;
            }
        }
    }
    let tied = tie_all(work, ties, &chosen, heard_at).await?;
    let mut doc = chosen.doc;
    let created = before.is_none() && doc.aliases.is_empty();
    if before.is_none_or(|before| !before.is_same(&doc)) {
        let row = doc.contact.clone();
        save(work, &mut doc, row).await?;
    } else if tied {
        touch(work, &doc);
    }
    Ok(Resolved { contact: doc.contact, created })
}

/// Writes a contact whose row shows nothing new: whoever read what leads to it has to read again.
fn touch(work: &mut Work<'_>, doc: &ContactDoc) {
    work.put(&CONTACTS, &doc_id(doc.id()), doc);
}

/// Ties the identities that nobody owns to the contact; a proof takes over what was tied by a claim. Answers whether
/// anything leads to the contact that did not before.
async fn tie_all(
    work: &mut Work<'_>,
    ties: Vec<(Key, Option<Tie>)>,
    chosen: &Candidate,
    now: Timestamp,
) -> Result<bool, Error> {
    let mut tied = false;
    for (key, known) in ties {
        let claimed = key.claimed || !chosen.proven;
        // A proof takes the address from whoever claimed it, also where it comes to be here by another claim.
        let proves = !key.claimed && key.kind.is_for_ever();
        let gives_way = |tie: &Tie| !claimed || (proves && tie.contact_id != chosen.doc.id());
        let free = known.as_ref().is_none_or(|tie| tie.claimed && gives_way(tie));
        let value = key.value;
        if free {
            let since = known.map_or(now, |tie| tie.since);
            let contact_id = chosen.doc.id().to_owned();
            let own = chosen.proven || chosen.own;
            let tie = Tie { contact_id, kind: key.kind, claimed, own, since, value };
            work.put(&IDENTITIES, &key.doc_id, &tie);
            tied = true;
        } else if let Some(tie) = known.filter(|tie| tie.value.is_empty()) {
            work.put(&IDENTITIES, &key.doc_id, &Tie { value, ..tie });
            tied = true;
        }
    }
    Ok(tied)
}
