//! What a thread is made of.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{Progress, Task};

/// One item of a thread.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Item {
    /// What the visitor wrote.
    UserMessage(UserMessage),
    /// What the assistant wrote.
    AssistantMessage(AssistantMessage),
    /// A tool that runs in the browser.
    ClientToolCall(ClientToolCall),
    /// Something to look at or to press.
    Widget(Widget),
    /// A form.
    StructuredInput(StructuredInput),
    /// One step of work.
    Task(TaskItem),
    /// Several steps of work.
    Workflow(WorkflowItem),
    /// The assistant has said everything.
    EndOfTurn(EndOfTurn),
    /// For the model alone; never sent.
    HiddenContextItem(HiddenContext),
}

/// What every item has.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Head {
    /// Its id within its thread.
    pub id: String,
    /// The thread.
    pub thread_id: String,
    /// When it was begun.
    pub created_at: Timestamp,
}

/// What the visitor wrote.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct UserMessage {
    /// Id, thread, time.
    #[serde(flatten)]
    pub head: Head,
    /// The text, in parts.
    pub content: Vec<UserContent>,
    /// Always empty: attachments are off.
    pub attachments: Vec<Value>,
    /// What it is a reply to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quoted_text: Option<String>,
    /// What the visitor chose in the composer.
    pub inference_options: InferenceOptions,
}

/// Part of what a visitor wrote.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum UserContent {
    /// Text.
    InputText {
        /// The text.
        text: String,
    },
    /// A mention.
    InputTag {
        /// Of what.
        id: String,
        /// As it is shown.
        text: String,
        /// What came with it.
        data: Map<String, Value>,
        /// Its group in the list.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        group: Option<String>,
        /// Whether it can be pressed.
        #[serde(default)]
        interactive: bool,
    },
}

/// What the visitor chose in the composer.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct InferenceOptions {
    /// The tool.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tool_choice: Option<ToolChoice>,
    /// The model.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
}

/// A chosen tool.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ToolChoice {
    /// Its id.
    pub id: String,
}

/// What the assistant wrote.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AssistantMessage {
    /// Id, thread, time.
    #[serde(flatten)]
    pub head: Head,
    /// The text, in parts.
    pub content: Vec<AssistantContent>,
}

/// Part of what the assistant wrote.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum AssistantContent {
    /// Text.
    OutputText {
        /// Where it comes from.
        #[serde(default)]
        annotations: Vec<Annotation>,
        /// Markdown.
        text: String,
    },
}

/// Where a piece of text comes from.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename = "annotation")]
pub struct Annotation {
    /// The source.
    pub source: Source,
    /// Behind which character it is marked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub index: Option<u32>,
}

/// A source.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Source {
    /// Its title.
    pub title: String,
    /// What it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// Where it is.
    #[serde(flatten)]
    pub kind: SourceKind,
}

/// Where a source is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum SourceKind {
    /// On the web.
    Url {
        /// Where.
        url: String,
    },
    /// In a file.
    File {
        /// Its name.
        filename: String,
    },
    /// A thing that the site knows.
    Entity {
        /// Its id.
        id: String,
    },
}

/// A tool that runs in the browser.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ClientToolCall {
    /// Id, thread, time.
    #[serde(flatten)]
    pub head: Head,
    /// Whether the browser has answered.
    pub status: CallStatus,
    /// The model's id of the call.
    pub call_id: String,
    /// The tool.
    pub name: String,
    /// What it is called with.
    pub arguments: Map<String, Value>,
    /// What the browser answered, unless that was null.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub output: Option<Value>,
}

/// Whether the browser has answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CallStatus {
    /// Not yet.
    Pending,
    /// It has.
    Completed,
}

/// Something to look at or to press.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Widget {
    /// Id, thread, time.
    #[serde(flatten)]
    pub head: Head,
    /// The root component, such as a `Card`.
    pub widget: Value,
    /// What copying it gives.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub copy_text: Option<String>,
}

/// A form.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct StructuredInput {
    /// Id, thread, time.
    #[serde(flatten)]
    pub head: Head,
    /// What became of it.
    pub status: FormStatus,
    /// The questions.
    pub inputs: Vec<Question>,
}

/// What became of a form.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FormStatus {
    /// Nothing yet.
    Pending,
    /// It was filled in.
    Answered,
    /// It was put away.
    Skipped,
}

/// A question of a form.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Question {
    /// Its id within the form.
    pub id: String,
    /// The question.
    pub question: String,
    /// What was answered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub answer: Option<Answer>,
    /// How it is answered.
    #[serde(flatten)]
    pub kind: QuestionKind,
}

/// How a question is answered.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum QuestionKind {
    /// By choosing.
    MultipleChoice {
        /// Of these.
        options: Vec<QuestionOption>,
        /// More than one.
        #[serde(default)]
        multiple: bool,
    },
    /// By writing.
    Freeform {
        /// What to write.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        description: Option<String>,
    },
}

/// Something to choose.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct QuestionOption {
    /// As it is shown and answered.
    pub value: String,
}

/// What was answered to a question.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Answer {
    /// What was chosen or written.
    #[serde(default)]
    pub values: Vec<String>,
    /// Nothing was.
    #[serde(default)]
    pub skipped: bool,
}

/// One step of work.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TaskItem {
    /// Id, thread, time.
    #[serde(flatten)]
    pub head: Head,
    /// The step.
    pub task: Task,
}

/// Several steps of work.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct WorkflowItem {
    /// Id, thread, time.
    #[serde(flatten)]
    pub head: Head,
    /// The steps.
    pub workflow: Progress,
}

/// The assistant has said everything.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct EndOfTurn {
    /// Id, thread, time.
    #[serde(flatten)]
    pub head: Head,
}

/// For the model alone.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct HiddenContext {
    /// Id, thread, time.
    #[serde(flatten)]
    pub head: Head,
    /// What the model is told.
    pub content: String,
}

// === impl Item ===

impl Item {
    /// Id, thread, time.
    pub fn head(&self) -> &Head {
        match self {
            Self::UserMessage(item) => &item.head,
            Self::AssistantMessage(item) => &item.head,
            Self::ClientToolCall(item) => &item.head,
            Self::Widget(item) => &item.head,
            Self::StructuredInput(item) => &item.head,
            Self::Task(item) => &item.head,
            Self::Workflow(item) => &item.head,
            Self::EndOfTurn(item) => &item.head,
            Self::HiddenContextItem(item) => &item.head,
        }
    }

    /// Its id within its thread.
    pub fn id(&self) -> &str {
        &self.head().id
    }

    /// Whether it is for the model alone.
    pub fn is_hidden(&self) -> bool {
        matches!(self, Self::HiddenContextItem(_))
    }
}

// === impl AssistantContent ===

impl AssistantContent {
    /// Text without sources.
    pub fn text(text: impl Into<String>) -> Self {
        Self::OutputText { annotations: Vec::new(), text: text.into() }
    }
}

// === impl UserMessage ===

impl UserMessage {
    /// Its text, mentions as they are shown.
    pub fn text(&self) -> String {
        self.content
            .iter()
            .map(|part| match part {
                UserContent::InputText { text } | UserContent::InputTag { text, .. } => text.as_str(),
            })
            .collect()
    }
}
