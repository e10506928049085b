//! The operator's view of people: looking up, listing, correcting, labelling.

use std::collections::{BTreeMap, BTreeSet};

use domain::{Cell, Fault, Kind as FaultKind, Reason, Tab, tab};
use jiff::Timestamp;
use serde_json::json;
use store::{Attempts, Query, Store, Work};

use super::{
    COLUMNS, CONTACTS, ContactDoc, Identity, Standing, doc_id, facts,
    identity::{IDENTITIES, Key, Tie},
    load, save, touch,
};
use crate::{
    error::{Error, contact_unknown, erased},
    rows::{self, RowDoc},
};

/// What the operator says about a contact, by column; a blank empties it.
pub(crate) type Words = BTreeMap<&'static str, String>;

/// One contact by its id, or the one that it was merged into, and when the person was forgotten.
pub(crate) async fn get(
    store: &dyn Store,
    contact_id: &str,
) -> Result<Option<(tab::Contact, Option<Timestamp>)>, Error> {
    Ok(load(&mut Work::new(store), contact_id).await?.map(|doc| (doc.contact, doc.erased_at)))
}

/// The ids under which rows of a contact may have been written: its own first, be it asked for by another.
pub(crate) async fn ids(store: &dyn Store, contact_id: &str) -> Result<Vec<String>, store::Error> {
    let found = load(&mut Work::new(store), contact_id).await?;
    Ok(match found {
        Some(doc) => [doc.contact.id].into_iter().chain(doc.aliases).collect(),
        None => vec![contact_id.to_owned()],
    })
}

/// The contact that an operator wants to change.
///
/// # Errors
/// A contact that is not there, or was erased.
pub(super) async fn load_alive(work: &mut Work<'_>, contact_id: &str) -> Result<ContactDoc, Error> {
    let doc = load(work, contact_id).await?.ok_or_else(contact_unknown)?;
    if doc.erased_at.is_some() { Err(erased()) } else { Ok(doc) }
}

/// The id under which a contact stands now.
///
/// # Errors
/// A contact that was erased.
pub(crate) async fn current_id(work: &mut Work<'_>, contact_id: &str) -> Result<Option<String>, Error> {
    match load(work, contact_id).await? {
        Some(doc) if doc.erased_at.is_some() => Err(erased()),
        found => Ok(found.map(|doc| doc.contact.id)),
    }
}

/// The contacts that the identities lead to, each once, strongest first.
pub(crate) async fn find_all(store: &dyn Store, identity: &Identity) -> Result<Vec<tab::Contact>, Error> {
    let mut work = Work::new(store);
    let ties = super::ties(&mut work, identity).await?;
    let mut found: Vec<tab::Contact> = Vec::new();
    for tie in ties.into_iter().filter_map(|(_, tie)| tie) {
        let doc = load(&mut work, &tie.contact_id).await?;
        if let Some(doc) = doc.filter(|doc| found.iter().all(|known| known.id != doc.id())) {
            found.push(doc.contact);
        }
    }
    Ok(found)
}

/// One page of the contacts by age, and the cursor of the next. Those that were merged into others or erased are left
/// out, so that a page may be short.
pub(crate) async fn list(
    store: &dyn Store,
    limit: u32,
    after: Option<String>,
    order: store::Order,
) -> Result<(Vec<tab::Contact>, Option<String>), store::Error> {
    // The tab `contacts` has exactly them, in this order: an index of their own would be one more on a growing field.
    let query = Query::new(&rows::BY_TAB, [json!(Tab::Contacts)]).limit(limit).after(after);
    let page = store.query(Query { order, ..query }).await?;
    let rows = page.documents.into_iter().map(|document| Ok(rows::ROWS.read(document)?.value.id));
    let ids = rows.collect::<Result<Vec<String>, store::Error>>()?;
    let keys: Vec<_> = ids.iter().map(|id| CONTACTS.key(doc_id(id))).collect();
    let mut contacts = Vec::with_capacity(keys.len());
    for document in store.get_many(&keys).await?.into_iter().flatten() {
        let doc = CONTACTS.read(document)?.value;
        if doc.alias_of.is_none() && doc.erased_at.is_none() {
            contacts.push(doc.contact);
        }
    }
    Ok((contacts, page.next))
}

/// Shows contacts that were merged under their survivors, in the column `contact_id` of `rows`. What is stored keeps
/// the id that it was written with.
pub(crate) async fn show_survivors<'r>(
    store: &dyn Store,
    rows: impl Iterator<Item = &'r mut RowDoc>,
) -> Result<(), store::Error> {
    let rows: Vec<&mut RowDoc> = rows.collect();
    let mut survivors: BTreeMap<String, String> = BTreeMap::new();
    let mut asked: BTreeSet<String> = rows.iter().filter_map(|row| named(row).map(str::to_owned)).collect();
    while !asked.is_empty() {
        let ids: Vec<String> = asked.into_iter().collect();
        let keys: Vec<_> = ids.iter().map(|id| CONTACTS.key(doc_id(id))).collect();
        let documents = store.get_many(&keys).await?;
        asked = BTreeSet::new();
        for (id, document) in ids.into_iter().zip(documents) {
            let Some(document) = document else { continue };
            if let Some(survivor) = CONTACTS.read(document)?.value.alias_of {
                asked.insert(survivor.clone());
                survivors.insert(id, survivor);
            }
        }
    }
    for row in rows {
        let Some(mut id) = named(row).and_then(|id| survivors.get(id)) else { continue };
        while let Some(next) = survivors.get(id) {
            id = next;
        }
        row.cells.insert("contact_id".to_owned(), Cell::Text(id.clone()));
    }
    Ok(())
}

fn named(row: &RowDoc) -> Option<&str> {
    match row.cells.get("contact_id") {
        Some(Cell::Text(id)) => Some(id),
        _ => None,
    }
}

/// Sets what the operator knows better; an address that nobody has identifies the contact from then on.
///
/// # Errors
/// A contact that is not there, or an address that another contact has.
pub(crate) async fn update(
    store: &dyn Store,
    contact_id: &str,
    words: &Words,
    tags: Option<&[String]>,
    now: Timestamp,
) -> Result<tab::Contact, Error> {
    let mut attempts = Attempts::default();
    loop {
        let mut work = Work::new(store);
        let contact = correct(&mut work, contact_id, words, tags, now).await?;
        if attempts.commit(work).await? {
            return Ok(contact);
        }
    }
}

/// As [`update`], within a work of the caller's.
pub(crate) async fn correct(
    work: &mut Work<'_>,
    contact_id: &str,
    words: &Words,
    tags: Option<&[String]>,
    now: Timestamp,
) -> Result<tab::Contact, Error> {
    let mut doc = load_alive(work, contact_id).await?;
    let before = doc.clone();
    let word = |column| words.get(column).cloned().unwrap_or_default();
    let identity = Identity { email: word("email"), phone: word("phone"), ..Default::default() };
    let (email, phone) = identity.normalised();
    for (column, word) in words {
        let word = match *column {
            "email" => &email,
            "phone" => &phone,
            _ => word,
        };
        doc.set(column, word.clone());
    }
    if let Some(tags) = tags {
        doc.contact.tags = Vec::new();
        doc.label(tags);
    }
    for (key, tie) in super::ties(work, &identity).await? {
        doc.standing = doc.standing.max(Standing::Proven);
        if claim(work, &doc, key, tie, now).await? {
            touch(work, &doc);
        }
    }
    finish(work, before, doc).await
}

/// Ties an address to the contact by the operator's word; false if it was.
async fn claim(
    work: &mut Work<'_>,
    doc: &ContactDoc,
    key: Key,
    known: Option<Tie>,
    now: Timestamp,
) -> Result<bool, Error> {
    if let Some(tie) = known.as_ref().filter(|tie| !tie.claimed) {
        let owner = load(work, &tie.contact_id).await?;
        if owner.is_some_and(|owner| owner.id() != doc.id()) {
            let why = "the address is another contact's; merge the two instead";
            let fault = Fault::new(FaultKind::Precondition, Reason::ContactsDiffer, why);
            return Err(Fault { field: Some(key.kind.as_str().to_owned()), ..fault }.into());
        }
        return Ok(false);
    }
    let (contact_id, value) = (doc.id().to_owned(), key.value);
    let tie = Tie { contact_id, kind: key.kind, claimed: false, own: true, since: now, value };
    work.put(&IDENTITIES, &key.doc_id, &tie);
    Ok(true)
}

/// Adds and removes labels.
pub(crate) async fn tag(
    store: &dyn Store,
    contact_id: &str,
    add: &[String],
    remove: &[String],
) -> Result<tab::Contact, Error> {
    let mut attempts = Attempts::default();
    loop {
        let mut work = Work::new(store);
        let mut doc = load_alive(&mut work, contact_id).await?;
        let before = doc.clone();
        doc.contact.tags.retain(|tag| !remove.contains(tag));
        doc.label(add);
        let contact = finish(&mut work, before, doc).await?;
        if attempts.commit(work).await? {
            return Ok(contact);
        }
    }
}

async fn finish(work: &mut Work<'_>, before: ContactDoc, mut doc: ContactDoc) -> Result<tab::Contact, Error> {
    if !before.is_same(&doc) {
        let row = doc.contact.clone();
        save(work, &mut doc, row).await?;
    }
    Ok(doc.contact)
}

/// The words of `facts`: those that `mask` names, or without a mask those that are not blank.
pub(crate) fn words(mut facts: tab::Contact, mask: Option<&[String]>) -> Words {
    let slots = facts::slots(&mut facts);
    let told = COLUMNS.into_iter().zip(slots).map(|(column, slot)| (column, slot.trim().to_owned()));
    told.filter(|(column, word)| match mask {
        Some(mask) => mask.iter().any(|path| path == column),
        None => !word.is_empty(),
    })
    .collect()
}
