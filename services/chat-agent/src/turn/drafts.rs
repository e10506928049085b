//! Items that have begun and are not done, put together from the events that were emitted.
//!
//! The invariant: whoever stops a turn finds here what its listener has seen of the unfinished text.

use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::protocol::{AssistantContent, AssistantMessage, Event, Item, Update};

/// The unfinished items of a turn, oldest first.
#[derive(Default)]
pub(crate) struct Drafts(Mutex<Vec<Item>>);

// === impl Drafts ===

impl Drafts {
    /// Takes in an event.
    pub(crate) fn note(&self, event: &Event) {
        match event {
            Event::ItemAdded { item } => {
                let mut items = self.items();
                items.retain(|draft| draft.id() != item.id());
                items.push(item.clone());
            }
            Event::ItemUpdated { item_id, update } => {
                let mut items = self.items();
                if let Some(Item::AssistantMessage(message)) =
                    items.iter_mut().find(|draft| draft.id() == item_id)
                {
                    grow(message, update);
                }
            }
            Event::ItemRemoved { item_id } => self.forget(item_id),
            _ => {}
        }
    }

    /// An item is done, or gone.
    pub(crate) fn forget(&self, id: &str) {
        self.items().retain(|draft| draft.id() != id);
    }

    /// Takes all of them: those worth keeping, and the ids of the others.
    pub(crate) fn take(&self) -> (Vec<Item>, Vec<String>) {
        let items = std::mem::take(&mut *self.items());
        let (keep, drop): (Vec<_>, Vec<_>) = items.into_iter().partition(has_text);
        (keep, drop.iter().map(|item| item.id().to_owned()).collect())
    }

    fn items(&self) -> MutexGuard<'_, Vec<Item>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Only text is worth keeping in part.
fn has_text(item: &Item) -> bool {
    let Item::AssistantMessage(message) = item else { return false };
    message.content.iter().any(|AssistantContent::OutputText { text, .. }| !text.trim().is_empty())
}

fn grow(message: &mut AssistantMessage, update: &Update) {
    match update {
        Update::PartAdded { content_index, content } | Update::PartDone { content_index, content } => {
            if let Some(part) = part(message, *content_index) {
                *part = content.clone();
            }
        }
        Update::TextDelta { content_index, delta } => {
            if let Some(AssistantContent::OutputText { text, .. }) = part(message, *content_index) {
                text.push_str(delta);
            }
        }
        Update::AnnotationAdded { content_index, annotation_index, annotation } => {
            if let Some(AssistantContent::OutputText { annotations, .. }) = part(message, *content_index) {
                let place = (*annotation_index).min(annotations.len());
                annotations.insert(place, annotation.clone());
            }
        }
        _ => {}
    }
}

/// The part at `index`, which may be the next one.
fn part(message: &mut AssistantMessage, index: usize) -> Option<&mut AssistantContent> {
    if index == message.content.len() {
        message.content.push(AssistantContent::text(""));
    }
    message.content.get_mut(index)
}
