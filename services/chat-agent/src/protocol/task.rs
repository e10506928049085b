//! Shown progress: tasks, alone or grouped into a workflow.

use serde::{Deserialize, Serialize};

use super::Source;

/// How a task is marked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Indicator {
    /// Not at all.
    #[default]
    None,
    /// It is under way.
    Loading,
    /// It is done.
    Complete,
}

/// One task.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Task {
    /// How it is marked.
    #[serde(default)]
    pub status_indicator: Indicator,
    /// Its title.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// What it does.
    #[serde(flatten)]
    pub kind: TaskKind,
}

/// What a task does.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum TaskKind {
    /// Anything.
    Custom {
        /// Name of an icon.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        icon: Option<String>,
        /// Markdown.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        content: Option<String>,
    },
    /// Searches.
    WebSearch {
        /// What is searched for, in a few words.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        title_query: Option<String>,
        /// The queries.
        #[serde(default)]
        queries: Vec<String>,
        /// What was found.
        #[serde(default)]
        sources: Vec<Source>,
    },
    /// Thinks.
    Thought {
        /// Markdown.
        content: String,
    },
    /// Reads files.
    File {
        /// Which.
        #[serde(default)]
        sources: Vec<Source>,
    },
    /// Makes an image.
    Image,
}

/// Tasks that belong together; `Workflow` on the wire.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Progress {
    /// What sort of work.
    #[serde(rename = "type")]
    pub kind: ProgressKind,
    /// The tasks, oldest first.
    pub tasks: Vec<Task>,
    /// What is shown once it is done.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub summary: Option<Summary>,
    /// Whether it is shown unfolded.
    #[serde(default)]
    pub expanded: bool,
}

/// What sort of work a [`Progress`] shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ProgressKind {
    /// Anything.
    Custom,
    /// The model's reasoning.
    Reasoning,
}

/// What is shown of finished work.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Summary {
    /// A title.
    Title {
        /// The title.
        title: String,
        /// Name of an icon.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        icon: Option<String>,
    },
    /// How long it took.
    Duration {
        /// In seconds.
        duration: u64,
    },
}
