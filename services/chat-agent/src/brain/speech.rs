//! What the model says, on its way into the thread.
//!
//! The invariant: every delta is told at once; a message that the model has ended is kept, and one without a word is
//! taken back.

use std::collections::BTreeMap;

use super::responses::{
    Event as Told, Failure,
    event::{Citation, OutputItem},
};
use crate::{
    protocol::{Annotation, AssistantContent, AssistantMessage, Event, Item, Source, SourceKind, Update},
    turn::Turn,
};

/// Longest text of one answer, in bytes.
const LONGEST: usize = 200_000;
const TOO_MANY_PARTS: Failure = Failure::Malformed("a part of a message comes out of turn");

/// A call that the model wants made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Wanted {
    /// Its id.
    pub(crate) call_id: String,
    /// The tool.
    pub(crate) name: String,
    /// JSON, if the model did as it was told.
    pub(crate) arguments: String,
}

/// Why an event could not be taken in.
#[derive(Debug)]
pub(crate) enum Broken {
    /// The model's doing.
    Model(Failure),
    /// Ours.
    Store(store::Error),
}

/// What one answer of the model says.
pub(crate) struct Speech<'a> {
    turn: &'a Turn,
    messages: BTreeMap<usize, Message>,
    calls: Vec<Wanted>,
    begun: bool,
}

struct Message {
    item: AssistantMessage,
    whole_parts: usize,
    done: bool,
}

impl From<Failure> for Broken {
    fn from(failure: Failure) -> Self {
        Self::Model(failure)
    }
}

impl From<store::Error> for Broken {
    fn from(error: store::Error) -> Self {
        Self::Store(error)
    }
}

// === impl Speech ===

impl<'a> Speech<'a> {
    pub(crate) fn new(turn: &'a Turn) -> Self {
        Self { turn, messages: BTreeMap::new(), calls: Vec::new(), begun: false }
    }

    /// Whether there is a word or a call: from then on nothing is asked again.
    pub(crate) fn has_begun(&self) -> bool {
        self.begun
    }

    /// The calls that the model wants made.
    pub(crate) fn take_calls(&mut self) -> Vec<Wanted> {
        std::mem::take(&mut self.calls)
    }

    /// The texts, in order.
    pub(crate) fn texts(&self) -> Vec<String> {
        self.messages.values().map(Message::text).filter(|text| !text.is_empty()).collect()
    }

    /// Those of them that stand in the thread, once it is kept: what a person's take-over dropped is not there.
    pub(crate) fn heard(&self) -> Vec<String> {
        let stands = |message: &&Message| message.done && !self.turn.is_unheard(&message.item.head.id);
        let texts = self.messages.values().filter(stands).map(Message::text);
        texts.filter(|text| !text.is_empty()).collect()
    }

    /// Takes in an event that is part of the answer's content.
    pub(crate) async fn take(&mut self, told: Told) -> Result<(), Broken> {
        match told {
            Told::ItemAdded { output_index, item } => match item {
                OutputItem::Message { .. } => self.message(output_index).await.map(drop)?,
                OutputItem::FunctionCall { .. } => self.begun = true,
                OutputItem::Other => {}
            },
            Told::PartAdded { output_index, content_index } => {
                self.part(output_index, content_index).await?;
            }
            Told::TextDelta { output_index, content_index, delta }
            | Told::RefusalDelta { output_index, content_index, delta } => {
                self.grow(output_index, content_index, delta).await?;
            }
            Told::TextDone { output_index, content_index, text }
            | Told::RefusalDone { output_index, content_index, refusal: text } => {
                self.end_part(output_index, content_index, &text).await?;
            }
            Told::AnnotationAdded { output_index, content_index, annotation: Some(citation) } => {
                self.cite(output_index, content_index, citation).await?;
            }
            Told::ItemDone { output_index, item } => self.end_item(output_index, item).await?,
            _ => {}
        }
        Ok(())
    }

    /// Keeps what the model has not ended.
    pub(crate) async fn keep(&mut self) -> Result<(), Broken> {
        let open: Vec<usize> =
            self.messages.iter().filter(|(_, message)| !message.done).map(|(index, _)| *index).collect();
        for index in open {
            self.end_message(index).await?;
        }
        Ok(())
    }

    /// Takes back messages that have begun and have no word yet.
    pub(crate) async fn take_back(&mut self) {
        for message in self.messages.values().filter(|message| !message.done && message.text().is_empty()) {
            self.turn.emit(Event::ItemRemoved { item_id: message.item.head.id.clone() }).await;
        }
    }

    async fn message(&mut self, index: usize) -> Result<&mut Message, Broken> {
        if !self.messages.contains_key(&index) {
            let head = self.turn.head(self.turn.new_id("msg_"));
            let item = AssistantMessage { head, content: Vec::new() };
            self.turn.emit(Event::ItemAdded { item: Item::AssistantMessage(item.clone()) }).await;
            self.messages.insert(index, Message { item, whole_parts: 0, done: false });
        }
        let message = self.messages.get_mut(&index).expect("it was just put there");
        if message.done {
            return Err(Failure::Malformed("a message goes on after its end").into());
        }
        Ok(message)
    }

    /// The id of a message and its part, begun if that is the next one.
    async fn part(&mut self, index: usize, part: usize) -> Result<(), Broken> {
        let turn = self.turn;
        let message = self.message(index).await?;
        if part > message.item.content.len() {
            return Err(TOO_MANY_PARTS.into());
        }
        if part == message.item.content.len() {
            let content = AssistantContent::text("");
            message.item.content.push(content.clone());
            let update = Update::PartAdded { content_index: part, content };
            turn.emit(Event::ItemUpdated { item_id: message.item.head.id.clone(), update }).await;
        }
        Ok(())
    }

    async fn grow(&mut self, index: usize, part: usize, delta: String) -> Result<(), Broken> {
        self.part(index, part).await?;
        self.begun |= !delta.is_empty();
        let (turn, message) = (self.turn, self.message(index).await?);
        let AssistantContent::OutputText { text, .. } = &mut message.item.content[part];
        if text.len() + delta.len() > LONGEST {
            return Err(Failure::Malformed("the text is too long").into());
        }
        text.push_str(&delta);
        turn.emit(Event::text_delta(message.item.head.id.clone(), part, delta)).await;
        Ok(())
    }

    async fn cite(&mut self, index: usize, part: usize, citation: Citation) -> Result<(), Broken> {
        let Some(annotation) = annotation(citation) else { return Ok(()) };
        self.part(index, part).await?;
        let (turn, message) = (self.turn, self.message(index).await?);
        let AssistantContent::OutputText { annotations, .. } = &mut message.item.content[part];
        annotations.push(annotation.clone());
        let annotation_index = annotations.len() - 1;
        let update = Update::AnnotationAdded { content_index: part, annotation_index, annotation };
        turn.emit(Event::ItemUpdated { item_id: message.item.head.id.clone(), update }).await;
        Ok(())
    }

    /// The part is whole; what was not told of it yet is told.
    async fn end_part(&mut self, index: usize, part: usize, whole: &str) -> Result<(), Broken> {
        self.part(index, part).await?;
        let message = self.message(index).await?;
        if part < message.whole_parts {
            return Ok(());
        }
        let AssistantContent::OutputText { text, .. } = &message.item.content[part];
        if let Some(rest) = whole.strip_prefix(text.as_str()).filter(|rest| !rest.is_empty()) {
            self.grow(index, part, rest.to_owned()).await?;
        }
        let (turn, message) = (self.turn, self.message(index).await?);
        message.whole_parts = part + 1;
        let update = Update::PartDone { content_index: part, content: message.item.content[part].clone() };
        turn.emit(Event::ItemUpdated { item_id: message.item.head.id.clone(), update }).await;
        Ok(())
    }

    async fn end_item(&mut self, index: usize, item: OutputItem) -> Result<(), Broken> {
        match item {
            OutputItem::Message { content } => {
                self.message(index).await?;
                for (part, content) in content.iter().enumerate() {
                    if let Some(text) = content.text() {
                        self.end_part(index, part, text).await?;
                    }
                }
                self.end_message(index).await
            }
            OutputItem::FunctionCall { call_id, name, arguments } => {
                let known = self.calls.iter().any(|call| call.call_id == call_id);
                if known || call_id.is_empty() || call_id.len() > 64 {
                    return Err(Failure::Malformed("a call has no id of its own").into());
                }
                self.begun = true;
                self.calls.push(Wanted { call_id, name, arguments });
                Ok(())
            }
            OutputItem::Other => Ok(()),
        }
    }

    async fn end_message(&mut self, index: usize) -> Result<(), Broken> {
        let parts = self.message(index).await?.item.content.len();
        for part in 0..parts {
            self.end_part(index, part, "").await?;
        }
        let (turn, message) = (self.turn, self.message(index).await?);
        message.done = true;
        if message.text().is_empty() {
            turn.emit(Event::ItemRemoved { item_id: message.item.head.id.clone() }).await;
        } else {
            turn.done(Item::AssistantMessage(message.item.clone())).await?;
        }
        Ok(())
    }
}

// === impl Message ===

impl Message {
    fn text(&self) -> String {
        self.item.content.iter().map(|AssistantContent::OutputText { text, .. }| text.as_str()).collect()
    }
}

fn annotation(citation: Citation) -> Option<Annotation> {
    let (title, kind, index) = match citation {
        Citation::Url { url, title, end_index } => (title, SourceKind::Url { url }, end_index),
        Citation::File { filename, index } => (filename.clone(), SourceKind::File { filename }, index),
        Citation::Other => return None,
    };
    Some(Annotation { source: Source { title, description: None, kind }, index: Some(index) })
}
