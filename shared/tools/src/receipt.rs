//! What a visitor is shown of an effect.
//!
//! The invariant: it is built from what a service has stored and answered, never from what the model said.

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// What a visitor is shown of an effect: what was stored, in the server's words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Receipt {
    /// What happened.
    pub title: String,
    /// What was stored: names and values.
    pub lines: Vec<(String, String)>,
    /// Where it goes on: what the link says, and its address.
    pub link: Option<(String, String)>,
    /// How it is taken back.
    pub undo: Option<Undo>,
}

/// A call that takes an effect back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Undo {
    /// What its button says.
    pub label: String,
    /// The tool.
    pub tool: String,
    /// Its arguments.
    pub arguments: Value,
}

// === impl Receipt ===

impl Receipt {
    /// A receipt with those of the lines that say something.
    pub(crate) fn new<'a>(
        title: impl Into<String>,
        lines: impl IntoIterator<Item = (&'a str, String)>,
    ) -> Self {
        let lines = lines.into_iter().filter(|(_, value)| !value.is_empty());
        let lines = lines.map(|(name, value)| (name.to_owned(), value)).collect();
        Self { title: title.into(), lines, link: None, undo: None }
    }

    /// The same with a link, if there is an address.
    pub(crate) fn with_link(self, label: &str, url: &str) -> Self {
        let link = (!url.is_empty()).then(|| (label.to_owned(), url.to_owned()));
        Self { link, ..self }
    }

    /// The same with a way back.
    pub(crate) fn with_undo(self, label: &str, tool: &str, arguments: Value) -> Self {
        let undo = Undo { label: label.to_owned(), tool: tool.to_owned(), arguments };
        Self { undo: Some(undo), ..self }
    }
}
