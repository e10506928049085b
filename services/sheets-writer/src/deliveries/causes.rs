//! What a commit tells the world: the events that follow from its writes.
//!
//! Looked at are the documents that own a thing (events, contacts, leads, bookings, payments, subscriptions), in the
//! state before and after.
//! The invariant: what came in with `X-Frontdesk-Hop` was ours already, and a commit that takes it tells nothing.

mod books;
mod chat;
mod statements;

use std::collections::HashMap;

use jiff::Timestamp;
use serde::de::DeserializeOwned;
use serde_json::Value;
use store::{Document, Error, Key, Op, Precondition, Store, Write};

use super::event::Event;
use crate::{people, statements::Place};

/// A commit, and what was there before it.
struct Change<'w> {
    store: &'w dyn Store,
    writes: &'w [Write],
    before: HashMap<Key, Document>,
    now: Timestamp,
    /// The last restore of the store.
    restore: Option<String>,
    /// Where each contact was met in this commit.
    places: HashMap<String, Place>,
    /// In which chat, and as whom.
    chats: HashMap<String, Chat>,
}

/// A chat, as far as it is known; what is not is blank.
#[derive(Clone, Debug, Default)]
struct Chat {
    thread_id: String,
    visitor_id: String,
}

/// A document that a commit makes anew or changes.
struct Changed<T> {
    /// None if it is new.
    before: Option<T>,
    after: T,
}

/// The events of a commit, in the order in which they are to be sent.
pub(super) async fn of(store: &dyn Store, writes: &[Write], now: Timestamp) -> Result<Vec<Event>, Error> {
    let relevant = |write: &&Write| {
        books::OWNERS.contains(&write.key.collection) || write.key.collection == chat::EVENTS
    };
    if !writes.iter().any(|write| relevant(&write)) {
        return Ok(Vec::new());
    }
    let (before, places, chats) = (HashMap::new(), HashMap::new(), HashMap::new());
    let mut change = Change { store, writes, before, now, restore: None, places, chats };
    let Some(taken) = chat::taken(&change)? else { return Ok(Vec::new()) };
    change.load().await?;
    let mut events = chat::tell(&mut change, taken).await?;
    statements::meet(&mut change)?;
    events.extend(books::tell(&change).await?);
    events.extend(statements::tell(&change).await?);
    Ok(events)
}

// === impl Change ===

impl Change<'_> {
    /// Reads which restore this is after, and the state before of the documents that this changes. Another state than the one that the commit expects
    /// makes the commit a conflict, so it does not matter.
    async fn load(&mut self) -> Result<(), Error> {
        let changes = |write: &&Write| {
            books::OWNERS.contains(&write.key.collection)
                && write.precondition != Precondition::Absent
                && matches!(write.op, Op::Put { .. })
        };
        let tells = |write: &Write| books::OWNERS.contains(&write.key.collection);
        if self.writes.iter().any(tells) {
            self.restore = store::backup::last(self.store).await?;
        }
        let keys: Vec<Key> = self.writes.iter().filter(changes).map(|write| write.key.clone()).collect();
        if !keys.is_empty() {
            let documents = self.store.get_many(&keys).await?;
            self.before =
                keys.into_iter().zip(documents).filter_map(|(key, found)| Some((key, found?))).collect();
        }
        Ok(())
    }

    /// What is put into a collection.
    fn puts<'c>(&'c self, collection: &'c str) -> impl Iterator<Item = (&'c Key, &'c Value)> + 'c {
        self.writes.iter().filter(move |write| write.key.collection == collection).filter_map(|write| {
            match &write.op {
                Op::Put { body, .. } => Some((&write.key, body)),
                Op::Delete => None,
            }
        })
    }

    /// The documents of a collection that are new or changed, as `T` knows them.
    fn changed<T: DeserializeOwned>(&self, collection: &str) -> Result<Vec<Changed<T>>, Error> {
        let pair = |(key, body): (&Key, &Value)| {
            let before = self.before.get(key).map(|document| read(key, &document.body)).transpose()?;
            Ok(Changed { before, after: read(key, body)? })
        };
        self.puts(collection).map(pair).collect()
    }

    fn place(&self, contact_id: &str) -> Place {
        self.places.get(contact_id).cloned().unwrap_or_default()
    }

    /// In which chat a contact was met in this commit; else the visitor that they were last.
    async fn chat(&self, contact_id: &str) -> Result<Chat, Error> {
        if let Some(chat) = self.chats.get(contact_id) {
            return Ok(chat.clone());
        }
        let ties = self.puts(people::IDENTITIES_NAME).map(|(_, tie)| tie.clone());
        let visitor_id = people::visitor_of(self.store, contact_id, ties.collect()).await?;
        Ok(Chat { visitor_id, ..Chat::default() })
    }
}

fn read<T: DeserializeOwned>(key: &Key, body: &Value) -> Result<T, Error> {
    store::read_body(key, body)
}
