//! What the model is asked: the part of `CreateResponse` that we use.
//!
//! The invariant: a request holds exactly the members that the schema knows, and nothing is stored at OpenAI.

use serde::Serialize;
use serde_json::Value;

/// Body of `POST /responses`.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Request<'a> {
    pub(crate) model: &'a str,
    pub(crate) instructions: &'a str,
    pub(crate) input: &'a [InputItem],
    pub(crate) tools: &'a [Function],
    pub(crate) tool_choice: ToolChoice,
    pub(crate) parallel_tool_calls: bool,
    pub(crate) max_output_tokens: u32,
    pub(crate) stream: bool,
    pub(crate) stream_options: StreamOptions,
    pub(crate) store: bool,
    /// Stands for the visitor; at most 64 characters, and no clue to who it is.
    pub(crate) safety_identifier: String,
    /// Requests with the same beginning share a cache.
    pub(crate) prompt_cache_key: &'a str,
}

/// One item of the input.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(crate) enum InputItem {
    /// Something said.
    Message { role: Role, content: String },
    /// A call that the model has made.
    FunctionCall { call_id: String, name: String, arguments: String },
    /// What came of it.
    FunctionCallOutput { call_id: String, output: String },
}

/// Who said it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Role {
    User,
    Assistant,
}

/// A tool that the model may call.
#[derive(Clone, Debug, Serialize)]
#[serde(tag = "type", rename = "function")]
pub(crate) struct Function {
    pub(crate) name: &'static str,
    pub(crate) description: &'static str,
    pub(crate) parameters: Value,
    pub(crate) strict: bool,
}

/// Whether the model may call tools.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum ToolChoice {
    Auto,
    None,
}

#[derive(Clone, Copy, Debug, Serialize)]
pub(crate) struct StreamOptions {
    /// Random padding of every event.
    pub(crate) include_obfuscation: bool,
}

// === impl InputItem ===

impl InputItem {
    /// Something said.
    pub(crate) fn said(role: Role, content: impl Into<String>) -> Self {
        Self::Message { role, content: content.into() }
    }

    /// How many bytes of text it has.
    pub(crate) fn size(&self) -> usize {
        match self {
            Self::Message { content, .. } => content.len(),
            Self::FunctionCall { name, arguments, .. } => name.len() + arguments.len(),
            Self::FunctionCallOutput { output, .. } => output.len(),
        }
    }
}
