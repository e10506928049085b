//! The events of a chat's stream, as the contract describes them.
//!
//! Nothing here is ever built: what comes back from chat-agent goes out as it is. The invariant: an event that a
//! chat sends is one of these.

#![expect(dead_code, reason = "describes the answer, which is passed on as it is")]

use serde_json::{Map, Value, json};
use utoipa::{
    ToSchema,
    openapi::{Object, ObjectBuilder, extensions::Extensions, schema::Type},
};

/// One event of the stream, as a parser of server-sent events reads it.
#[derive(ToSchema)]
pub(crate) struct ChatFrame {
    #[schema(schema_with = event)]
    data: String,
}

/// The text of an event, which is JSON.
fn event() -> Object {
    let content = json!({"$ref": "#/components/schemas/ChatEvent"});
    ObjectBuilder::new()
        .schema_type(Type::String)
        .description(Some("A `ChatEvent`."))
        .content_media_type("application/json")
        .extensions(Some(Extensions::from_iter([("contentSchema", content)])))
        .build()
}

/// What a stream tells.
#[derive(ToSchema)]
#[serde(tag = "type")]
pub(crate) enum ChatEvent {
    /// A thread has begun.
    #[serde(rename = "thread.created")]
    ThreadCreated { thread: Thread },
    /// A thread has another title or status.
    #[serde(rename = "thread.updated")]
    ThreadUpdated { thread: Thread },
    /// An item has begun.
    #[serde(rename = "thread.item.added")]
    ItemAdded { item: Item },
    /// An item has grown, in the way that the `type` of `update` says.
    #[serde(rename = "thread.item.updated")]
    ItemUpdated { item_id: String, update: Map<String, Value> },
    /// An item is whole, and kept.
    #[serde(rename = "thread.item.done")]
    ItemDone { item: Item },
    /// An item is gone.
    #[serde(rename = "thread.item.removed")]
    ItemRemoved { item_id: String },
    /// An item is another now, and kept.
    #[serde(rename = "thread.item.replaced")]
    ItemReplaced { item: Item },
    /// What the visitor may do with the stream.
    #[serde(rename = "stream_options")]
    StreamOptions { stream_options: Map<String, Value> },
    /// What is being done, until the next event.
    #[serde(rename = "progress_update")]
    ProgressUpdate { icon: Option<String>, text: String },
    /// Something that the page shall do.
    #[serde(rename = "client_effect")]
    ClientEffect { name: String, data: Map<String, Value> },
    /// A message about the conversation, in Markdown.
    #[serde(rename = "notice")]
    Notice { level: Level, message: String, title: Option<String> },
    /// The turn has failed: `stream.error`, or `custom` with a message.
    #[serde(rename = "error")]
    Error { code: String, message: Option<String>, allow_retry: bool },
}

/// How grave a notice is.
#[derive(ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Level {
    /// Good to know.
    Info,
    /// Better to know.
    Warning,
    /// Must be known.
    Danger,
}

/// A conversation.
#[derive(ToSchema)]
pub(crate) struct Thread {
    /// `thr_…`.
    id: String,
    /// When its first message came.
    #[schema(format = DateTime)]
    created_at: String,
    /// Its title, if it has one.
    title: Option<String>,
    /// Whether it takes messages: `type` is `active`, `locked` or `closed`.
    status: Map<String, Value>,
    /// Always empty: what the server keeps with a thread is never sent.
    metadata: Map<String, Value>,
    /// The page of its items that belongs to the answer.
    items: Map<String, Value>,
}

/// One item of a thread; what else it has follows from its `type`.
#[derive(ToSchema)]
pub(crate) struct Item {
    /// Its id within its thread.
    id: String,
    /// The thread.
    thread_id: String,
    /// When it was begun.
    #[schema(format = DateTime)]
    created_at: String,
    /// What it is.
    #[serde(rename = "type")]
    kind: ItemKind,
}

/// What an item is.
#[derive(ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum ItemKind {
    /// What the visitor wrote.
    UserMessage,
    /// What the assistant wrote.
    AssistantMessage,
    /// A tool that runs in the browser.
    ClientToolCall,
    /// Something to look at or to press.
    Widget,
    /// A form.
    StructuredInput,
    /// One step of work.
    Task,
    /// Several steps of work.
    Workflow,
    /// The assistant has said everything.
    EndOfTurn,
}
