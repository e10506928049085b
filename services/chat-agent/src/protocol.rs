//! The ChatKit server protocol, as types: what a browser asks, what it is answered.
//!
//! The invariant: what these types serialize to is what `openai-chatkit` 1.6 sends: no nulls, no hidden item, no
//! metadata of ours.

pub mod event;
pub mod item;
pub(crate) mod page;
pub(crate) mod request;
pub mod task;
pub mod thread;

pub use event::{Error, Event, Level, StreamOptions, Update};
pub use item::{
    Annotation, Answer, AssistantContent, AssistantMessage, CallStatus, ClientToolCall, EndOfTurn,
    FormStatus, Head, HiddenContext, InferenceOptions, Item, Question, QuestionKind, QuestionOption, Source,
    SourceKind, StructuredInput, TaskItem, ToolChoice, UserContent, UserMessage, Widget, WorkflowItem,
};
pub use page::Page;
pub use task::{Indicator, Progress, ProgressKind, Summary, Task, TaskKind};
pub use thread::{Status, TRAITS, Thread, View};
