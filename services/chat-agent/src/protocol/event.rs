//! What a stream tells a browser.

use serde::Serialize;
use serde_json::{Map, Value};

use super::{Annotation, AssistantContent, Item, Task, View};

/// One event of a stream.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "type")]
pub enum Event {
    /// A thread has begun.
    #[serde(rename = "thread.created")]
    ThreadCreated {
        /// Without its items.
        thread: View,
    },
    /// A thread has another title or status.
    #[serde(rename = "thread.updated")]
    ThreadUpdated {
        /// Without its items.
        thread: View,
    },
    /// An item has begun.
    #[serde(rename = "thread.item.added")]
    ItemAdded {
        /// What there is of it.
        item: Item,
    },
    /// An item has grown.
    #[serde(rename = "thread.item.updated")]
    ItemUpdated {
        /// Which.
        item_id: String,
        /// In what way.
        update: Update,
    },
    /// An item is whole, and kept.
    #[serde(rename = "thread.item.done")]
    ItemDone {
        /// All of it.
        item: Item,
    },
    /// An item is gone.
    #[serde(rename = "thread.item.removed")]
    ItemRemoved {
        /// Which.
        item_id: String,
    },
    /// An item is another now, and kept.
    #[serde(rename = "thread.item.replaced")]
    ItemReplaced {
        /// All of it; its id is the old one's.
        item: Item,
    },
    /// What the visitor may do with the stream.
    #[serde(rename = "stream_options")]
    StreamOptions {
        /// What.
        stream_options: StreamOptions,
    },
    /// What is being done, until the next event.
    #[serde(rename = "progress_update")]
    ProgressUpdate {
        /// Name of an icon.
        #[serde(skip_serializing_if = "Option::is_none")]
        icon: Option<String>,
        /// In a few words.
        text: String,
    },
    /// Something that the page shall do.
    #[serde(rename = "client_effect")]
    ClientEffect {
        /// What.
        name: String,
        /// With what.
        data: Map<String, Value>,
    },
    /// A message about the conversation.
    #[serde(rename = "notice")]
    Notice {
        /// How grave.
        level: Level,
        /// Markdown.
        message: String,
        /// Its title.
        #[serde(skip_serializing_if = "Option::is_none")]
        title: Option<String>,
    },
    /// The turn has failed.
    #[serde(rename = "error")]
    Error(Error),
}

/// What the visitor may do with a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct StreamOptions {
    /// Stop it.
    pub allow_cancel: bool,
}

/// How grave a notice is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Level {
    /// Good to know.
    Info,
    /// Better to know.
    Warning,
    /// Must be known.
    Danger,
}

/// Why a turn has failed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "code")]
pub enum Error {
    /// The element says so in its own words.
    #[serde(rename = "stream.error")]
    Stream {
        /// Whether the visitor may try again.
        allow_retry: bool,
    },
    /// In our words.
    #[serde(rename = "custom")]
    Custom {
        /// The words.
        message: String,
        /// Whether the visitor may try again.
        allow_retry: bool,
    },
}

/// In what way an item has grown.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "type")]
pub enum Update {
    /// Another part.
    #[serde(rename = "assistant_message.content_part.added")]
    PartAdded {
        /// Its place.
        content_index: usize,
        /// What there is of it.
        content: AssistantContent,
    },
    /// More text of a part.
    #[serde(rename = "assistant_message.content_part.text_delta")]
    TextDelta {
        /// The part's place.
        content_index: usize,
        /// The text.
        delta: String,
    },
    /// Another source of a part.
    #[serde(rename = "assistant_message.content_part.annotation_added")]
    AnnotationAdded {
        /// The part's place.
        content_index: usize,
        /// The source's place.
        annotation_index: usize,
        /// The source.
        annotation: Annotation,
    },
    /// A part is whole.
    #[serde(rename = "assistant_message.content_part.done")]
    PartDone {
        /// Its place.
        content_index: usize,
        /// All of it.
        content: AssistantContent,
    },
    /// A widget is another now.
    #[serde(rename = "widget.root.updated")]
    WidgetRoot {
        /// The root component.
        widget: Value,
    },
    /// A component of a widget is another now.
    #[serde(rename = "widget.component.updated")]
    WidgetComponent {
        /// Which.
        component_id: String,
        /// All of it.
        component: Value,
    },
    /// More text of a component of a widget.
    #[serde(rename = "widget.streaming_text.value_delta")]
    WidgetText {
        /// Which.
        component_id: String,
        /// The text.
        delta: String,
        /// Whether that is all.
        done: bool,
    },
    /// Another task of a workflow.
    #[serde(rename = "workflow.task.added")]
    TaskAdded {
        /// Its place.
        task_index: usize,
        /// The task.
        task: Task,
    },
    /// A task of a workflow is another now.
    #[serde(rename = "workflow.task.updated")]
    TaskUpdated {
        /// Its place.
        task_index: usize,
        /// The task.
        task: Task,
    },
}

// === impl Event ===

impl Event {
    /// What is being done, in a few words.
    pub fn progress(text: impl Into<String>) -> Self {
        Self::ProgressUpdate { icon: None, text: text.into() }
    }

    /// A turn's failure that may be tried again.
    pub fn retry() -> Self {
        Self::Error(Error::Stream { allow_retry: true })
    }

    /// The item's next piece of text.
    pub fn text_delta(item_id: impl Into<String>, content_index: usize, delta: impl Into<String>) -> Self {
        let update = Update::TextDelta { content_index, delta: delta.into() };
        Self::ItemUpdated { item_id: item_id.into(), update }
    }
}
