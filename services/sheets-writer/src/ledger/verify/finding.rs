//! What a comparison finds.

use domain::Tab;
use serde_json::Value;

use super::Line;
use crate::{rows::RowDoc, wire};

/// How far a comparison is, and what it found since it last said so.
#[derive(Debug)]
pub(crate) struct Progress {
    pub(crate) tab: Tab,
    pub(crate) lines: u64,
    pub(crate) rows: u64,
    pub(crate) found: Vec<Finding>,
}

/// How a line and a row differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Found {
    /// No line has the row.
    Missing,
    /// The row's line has another id, or none.
    IdOverwritten,
    /// Another line has the id already.
    Twice,
    /// A cell of ours shows something else.
    Cell,
    /// A person deleted the row, and it is there.
    DeletedIsBack,
    /// Google Sheets refused the row.
    Parked,
    /// The tab is gone or its header is wrong.
    Tab,
    /// The row waits.
    Pending,
    /// A person typed into a column of theirs, and it is not read back yet.
    Typed,
    /// A line without an id.
    NoId,
    /// A line whose id is none of ours.
    UnknownId,
}

/// One difference.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Finding {
    pub(crate) found: Found,
    pub(crate) row_id: String,
    /// Counted from 0, the header being 0.
    pub(crate) line: Option<u32>,
    pub(crate) column: &'static str,
    pub(crate) stored: Value,
    pub(crate) shown: Value,
    pub(crate) detail: String,
}

// === impl Found ===

impl Found {
    /// Whether it is not as it should be.
    pub(crate) const fn is_fault(self) -> bool {
        match self {
            Self::Missing
            | Self::IdOverwritten
            | Self::Twice
            | Self::Cell
            | Self::DeletedIsBack
            | Self::Parked
            | Self::Tab => true,
            Self::Pending | Self::Typed | Self::NoId | Self::UnknownId => false,
        }
    }
}

// === impl Finding ===

impl Finding {
    pub(super) fn of(found: Found, row_id: &str) -> Self {
        Self {
            found,
            row_id: row_id.to_owned(),
            line: None,
            column: "",
            stored: Value::Null,
            shown: Value::Null,
            detail: String::new(),
        }
    }

    /// A line that is nobody's.
    pub(super) fn stranger(line: &Line) -> Self {
        let found = if line.id.is_empty() { Found::NoId } else { Found::UnknownId };
        Self { line: Some(line.number), ..Self::of(found, &line.id) }
    }

    /// A cell that shows something else than the row has.
    pub(super) fn cell(found: Found, line: &Line, doc: &RowDoc, column: &'static str) -> Self {
        Self {
            line: Some(line.number),
            column,
            stored: wire::cell_json(doc.cell(column).clone()),
            shown: line.cell(column).clone(),
            ..Self::of(found, &doc.id)
        }
    }
}
