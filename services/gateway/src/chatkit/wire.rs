//! The requests of the ChatKit server protocol, as the contract describes them.
//!
//! Nothing here is ever built: the body goes inward as it is, and chat-agent reads it. The invariant: what these
//! types allow chat-agent takes, and what they forbid it refuses.

#![expect(dead_code, reason = "describes the body, which is passed on as it is")]

use std::collections::BTreeMap;

use serde_json::{Map, Value};
use utoipa::ToSchema;

/// One request of the ChatKit server protocol. `metadata` may hold marketing facts about the visit, as a session's
/// `traits` do; whatever else is in it is ignored.
#[derive(ToSchema)]
#[serde(tag = "type")]
pub(crate) enum ChatRequest {
    /// Begins a thread with a message; answered with events.
    #[serde(rename = "threads.create")]
    ThreadsCreate { params: CreateThread, metadata: Option<Value> },
    /// Says something in a thread; answered with events.
    #[serde(rename = "threads.add_user_message")]
    ThreadsAddUserMessage { params: AddMessage, metadata: Option<Value> },
    /// What a tool of the page found out; answered with events.
    #[serde(rename = "threads.add_client_tool_output")]
    ThreadsAddClientToolOutput { params: AddToolOutput, metadata: Option<Value> },
    /// A form that was filled in or skipped; answered with events.
    #[serde(rename = "threads.add_structured_input")]
    ThreadsAddStructuredInput { params: AddAnswers, metadata: Option<Value> },
    /// Answers a message of the visitor once more; answered with events.
    #[serde(rename = "threads.retry_after_item")]
    ThreadsRetryAfterItem { params: ItemOfThread, metadata: Option<Value> },
    /// Something on a widget was pressed; answered with events.
    #[serde(rename = "threads.custom_action")]
    ThreadsCustomAction { params: CustomAction, metadata: Option<Value> },
    /// The same, answered with the widget as it is then.
    #[serde(rename = "threads.sync_custom_action")]
    ThreadsSyncCustomAction { params: CustomAction, metadata: Option<Value> },
    /// A thread with its last items.
    #[serde(rename = "threads.get_by_id")]
    ThreadsGetById { params: OfThread, metadata: Option<Value> },
    /// The visitor's threads.
    #[serde(rename = "threads.list")]
    ThreadsList { params: Page, metadata: Option<Value> },
    /// The items of a thread.
    #[serde(rename = "items.list")]
    ItemsList { params: PageOfThread, metadata: Option<Value> },
    /// What the visitor thinks of items.
    #[serde(rename = "items.feedback")]
    ItemsFeedback { params: Feedback, metadata: Option<Value> },
    /// Gives a thread another title.
    #[serde(rename = "threads.update")]
    ThreadsUpdate { params: Rename, metadata: Option<Value> },
    /// Forgets a thread.
    #[serde(rename = "threads.delete")]
    ThreadsDelete { params: OfThread, metadata: Option<Value> },
}

/// A thread to begin.
#[derive(ToSchema)]
pub(crate) struct CreateThread {
    /// Its first message.
    input: Message,
}

/// A message for a thread.
#[derive(ToSchema)]
pub(crate) struct AddMessage {
    /// The thread, `thr_…`.
    thread_id: String,
    /// The message.
    input: Message,
}

/// A message.
#[derive(ToSchema)]
pub(crate) struct Message {
    /// The text, in parts.
    #[schema(min_items = 1)]
    content: Vec<Part>,
    /// Must be empty: attachments are off.
    #[schema(max_items = 0)]
    attachments: Option<Vec<String>>,
    /// What it is a reply to.
    quoted_text: Option<String>,
    /// What the visitor chose.
    inference_options: Option<InferenceOptions>,
}

/// A part of a message.
#[derive(ToSchema)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(crate) enum Part {
    /// Words.
    InputText {
        /// They are not blank.
        #[schema(pattern = r"\S", example = "What does it cost?")]
        text: String,
    },
    /// Something that was chosen by its name.
    InputTag {
        /// What it is.
        id: String,
        /// Its name, which is not blank.
        #[schema(pattern = r"\S", example = "Consult 30")]
        text: String,
        /// What the page knows of it.
        data: Map<String, Value>,
        /// The group it belongs to.
        group: Option<String>,
        /// Whether it can be pressed.
        interactive: Option<bool>,
    },
}

/// What the visitor chose; taken note of and no more.
#[derive(ToSchema)]
pub(crate) struct InferenceOptions {
    /// A tool.
    tool_choice: Option<ToolChoice>,
    /// A model.
    model: Option<String>,
}

/// A tool that was chosen.
#[derive(ToSchema)]
pub(crate) struct ToolChoice {
    /// Its id.
    id: String,
}

/// What a tool of the page found out.
#[derive(ToSchema)]
pub(crate) struct AddToolOutput {
    /// The thread, `thr_…`.
    thread_id: String,
    /// Any JSON.
    #[schema(required)]
    result: Value,
}

/// A form that was filled in.
#[derive(ToSchema)]
pub(crate) struct AddAnswers {
    /// The thread, `thr_…`.
    thread_id: String,
    /// The form.
    item_id: String,
    /// What was filled in.
    input: Submission,
}

/// A form as it comes back.
#[derive(ToSchema)]
pub(crate) struct Submission {
    /// `answered` if absent.
    status: Option<SubmissionStatus>,
    /// By id of the question.
    answers: Option<BTreeMap<String, Answer>>,
}

/// What became of a form.
#[derive(ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum SubmissionStatus {
    /// It was filled in.
    Answered,
    /// It was not.
    Skipped,
}

/// The answer to one question.
#[derive(ToSchema)]
pub(crate) struct Answer {
    /// What was chosen or written.
    values: Option<Vec<String>>,
    /// Whether the question was passed over.
    skipped: Option<bool>,
}

/// Something was pressed.
#[derive(ToSchema)]
pub(crate) struct CustomAction {
    /// The thread, `thr_…`.
    thread_id: String,
    /// The widget.
    item_id: Option<String>,
    /// What it does.
    action: Action,
}

/// What a button does.
#[derive(ToSchema)]
pub(crate) struct Action {
    /// Its name.
    #[serde(rename = "type")]
    kind: String,
    /// Any JSON.
    payload: Option<Value>,
}

/// A thread.
#[derive(ToSchema)]
pub(crate) struct OfThread {
    /// The thread, `thr_…`.
    thread_id: String,
}

/// An item of a thread.
#[derive(ToSchema)]
pub(crate) struct ItemOfThread {
    /// The thread, `thr_…`.
    thread_id: String,
    /// The item.
    item_id: String,
}

/// Which part of a list.
#[derive(ToSchema)]
pub(crate) struct Page {
    /// How many; 20 if absent or 0, at most 100.
    #[schema(minimum = 0, maximum = 4_294_967_295_u64)]
    limit: Option<i64>,
    /// The newest first if absent.
    order: Option<Order>,
    /// The last one of the page before.
    after: Option<String>,
}

/// Which part of a thread's list.
#[derive(ToSchema)]
pub(crate) struct PageOfThread {
    /// The thread, `thr_…`.
    thread_id: String,
    /// How many; 20 if absent or 0, at most 100.
    #[schema(minimum = 0, maximum = 4_294_967_295_u64)]
    limit: Option<i64>,
    /// The newest first if absent.
    order: Option<Order>,
    /// The last one of the page before.
    after: Option<String>,
}

/// In which direction.
#[derive(ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Order {
    /// The oldest first.
    Asc,
    /// The newest first.
    Desc,
}

/// What the visitor thinks.
#[derive(ToSchema)]
pub(crate) struct Feedback {
    /// The thread, `thr_…`.
    thread_id: String,
    /// Of these items.
    #[schema(max_items = 100)]
    item_ids: Vec<String>,
    /// Whether they are liked.
    kind: Liking,
}

/// Whether something is liked.
#[derive(ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Liking {
    /// It is.
    Positive,
    /// It is not.
    Negative,
}

/// Another title for a thread.
#[derive(ToSchema)]
pub(crate) struct Rename {
    /// The thread, `thr_…`.
    thread_id: String,
    /// The title.
    #[schema(max_length = 200)]
    title: String,
}
