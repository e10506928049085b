//! What the model's stream tells: the events of `ResponseStreamEvent` that we use.
//!
//! The invariant: an event that we do not know changes nothing; one that we know and that lacks a member is refused.

use serde::Deserialize;

/// One event.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(tag = "type")]
pub(crate) enum Event {
    /// The answer begins.
    #[serde(rename = "response.created")]
    Created {},
    /// An item begins.
    #[serde(rename = "response.output_item.added")]
    ItemAdded { output_index: usize, item: OutputItem },
    /// An item is whole.
    #[serde(rename = "response.output_item.done")]
    ItemDone { output_index: usize, item: OutputItem },
    /// A part of a message begins.
    #[serde(rename = "response.content_part.added")]
    PartAdded { output_index: usize, content_index: usize },
    /// A part of a message is whole.
    #[serde(rename = "response.content_part.done")]
    PartDone { output_index: usize, content_index: usize },
    /// More text.
    #[serde(rename = "response.output_text.delta")]
    TextDelta { output_index: usize, content_index: usize, delta: String },
    /// The text of a part is whole.
    #[serde(rename = "response.output_text.done")]
    TextDone { output_index: usize, content_index: usize, text: String },
    /// More text of a refusal.
    #[serde(rename = "response.refusal.delta")]
    RefusalDelta { output_index: usize, content_index: usize, delta: String },
    /// A refusal is whole.
    #[serde(rename = "response.refusal.done")]
    RefusalDone { output_index: usize, content_index: usize, refusal: String },
    /// A source of the text.
    #[serde(rename = "response.output_text.annotation.added")]
    AnnotationAdded { output_index: usize, content_index: usize, annotation: Option<Citation> },
    /// More of a call's arguments; they come whole with the item.
    #[serde(rename = "response.function_call_arguments.delta")]
    ArgumentsDelta { output_index: usize },
    /// A call's arguments are whole.
    #[serde(rename = "response.function_call_arguments.done")]
    ArgumentsDone { output_index: usize, arguments: String },
    /// The answer is whole.
    #[serde(rename = "response.completed")]
    Completed { response: Response },
    /// The answer stopped at a limit.
    #[serde(rename = "response.incomplete")]
    Incomplete { response: Response },
    /// The model has failed.
    #[serde(rename = "response.failed")]
    Failed { response: Response },
    /// The stream has failed.
    #[serde(rename = "error")]
    Error { code: Option<String> },
    /// Anything else.
    #[serde(other)]
    Other,
}

/// An item of the answer.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(crate) enum OutputItem {
    /// Text.
    Message {
        /// Its parts.
        #[serde(default)]
        content: Vec<Content>,
    },
    /// A call.
    FunctionCall {
        /// The call's id.
        call_id: String,
        /// The tool.
        name: String,
        /// JSON, if the model did as it was told.
        #[serde(default)]
        arguments: String,
    },
    /// Reasoning and everything else.
    #[serde(other)]
    Other,
}

/// A part of a message.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(crate) enum Content {
    /// Text.
    OutputText {
        /// The text.
        text: String,
    },
    /// Why there is none.
    Refusal {
        /// The words.
        refusal: String,
    },
    /// Anything else.
    #[serde(other)]
    Other,
}

/// Where a piece of text comes from.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(crate) enum Citation {
    /// The web.
    #[serde(rename = "url_citation")]
    Url {
        /// Where.
        url: String,
        /// Its title.
        title: String,
        /// Behind which character.
        end_index: u32,
    },
    /// A file.
    #[serde(rename = "file_citation")]
    File {
        /// Its name.
        filename: String,
        /// Behind which character.
        index: u32,
    },
    /// Anything else.
    #[serde(other)]
    Other,
}

/// The answer as a whole.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
pub(crate) struct Response {
    /// What it took.
    #[serde(default)]
    pub(crate) usage: Option<Usage>,
    /// Why it failed.
    #[serde(default)]
    pub(crate) error: Option<ResponseError>,
}

/// Tokens.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
pub(crate) struct Usage {
    /// Read.
    pub(crate) input_tokens: u64,
    /// Written.
    pub(crate) output_tokens: u64,
}

/// Why an answer failed.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub(crate) struct ResponseError {
    /// OpenAI's word for it.
    pub(crate) code: String,
}

// === impl Content ===

impl Content {
    /// What the visitor reads.
    pub(crate) fn text(&self) -> Option<&str> {
        match self {
            Self::OutputText { text } => Some(text),
            Self::Refusal { refusal } => Some(refusal),
            Self::Other => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unknown_events_and_items_pass() {
        let read = |text: &str| serde_json::from_str::<Event>(text);
        assert_eq!(read(r#"{"type":"response.in_progress","response":{}}"#).unwrap(), Event::Other);
        let item = r#"{"type":"response.output_item.added","output_index":0,"item":{"type":"reasoning","id":"rs_1","summary":[]}}"#;
        assert_eq!(read(item).unwrap(), Event::ItemAdded { output_index: 0, item: OutputItem::Other });
        let annotation = r#"{"type":"response.output_text.annotation.added","output_index":0,"content_index":0,
            "annotation":{"type":"file_path","file_id":"f","index":1},"annotation_index":0}"#;
        assert!(matches!(
            read(annotation).unwrap(),
            Event::AnnotationAdded { annotation: Some(Citation::Other), .. }
        ));
    }

    #[test]
    fn an_event_that_lacks_a_member_is_refused() {
        for bad in ["{}", "[]", "7", r#"{"type":"response.output_text.delta","output_index":0}"#] {
            assert!(serde_json::from_str::<Event>(bad).is_err(), "{bad}");
        }
    }
}
