//! A row of a tab as the ledger keeps it: typed cells under a version.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{Money, Tab, tab::TabRow};

/// One typed cell. Nothing is ever parsed out of a text: `=1+1` stays these four characters.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Cell {
    /// A date and time.
    Time {
        /// UTC.
        time: Timestamp,
    },
    /// An amount.
    Money(Money),
    /// A plain number.
    Number(f64),
    /// Yes or no.
    Bool(bool),
    /// Text.
    Text(String),
    /// Nothing.
    Empty,
}

impl From<String> for Cell {
    fn from(text: String) -> Self {
        if text.is_empty() { Self::Empty } else { Self::Text(text) }
    }
}

impl From<Vec<String>> for Cell {
    fn from(labels: Vec<String>) -> Self {
        labels.join(", ").into()
    }
}

impl From<Option<Timestamp>> for Cell {
    fn from(time: Option<Timestamp>) -> Self {
        time.map_or(Self::Empty, |time| Self::Time { time })
    }
}

impl From<Option<Money>> for Cell {
    fn from(money: Option<Money>) -> Self {
        money.map_or(Self::Empty, Self::Money)
    }
}

impl From<Option<f64>> for Cell {
    fn from(number: Option<f64>) -> Self {
        number.map_or(Self::Empty, Self::Number)
    }
}

/// Cells by column name. A column that is absent is an empty cell.
pub type Cells = BTreeMap<String, Cell>;

/// One row of one tab, at one version.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Row {
    /// The tab.
    pub tab: Tab,
    /// Stable id, chosen by what the row is about.
    pub id: String,
    /// Counted up by the row's owner document; what is older never overwrites what is newer.
    pub version: u64,
    /// When what the row tells happened.
    pub occurred_at: Timestamp,
    /// The cells.
    pub cells: Cells,
}

impl Row {
    /// The row that shows `value` at `version`.
    pub fn of<T: TabRow>(value: &T, version: u64, occurred_at: Timestamp) -> Self {
        Self { tab: T::TAB, id: value.id().to_owned(), version, occurred_at, cells: value.cells() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tab;

    #[test]
    fn cells_keep_their_type_through_json() {
        let money = Money { minor: 1050, currency: "EUR".parse().unwrap() };
        let cells = [
            Cell::Time { time: "2025-10-28T16:20:00Z".parse().unwrap() },
            Cell::Money(money),
            Cell::Number(0.72),
            Cell::Bool(true),
            Cell::Text("=1+1".into()),
            Cell::Empty,
        ];
        for cell in cells {
            let json = serde_json::to_string(&cell).unwrap();
            assert_eq!(serde_json::from_str::<Cell>(&json).unwrap(), cell, "{json}");
        }
    }

    #[test]
    fn a_row_has_a_cell_for_every_column() {
        let event = tab::ChatEvent { id: "evt_1".into(), kind: "chat.turn".into(), ..Default::default() };
        let row = Row::of(&event, 1, Timestamp::UNIX_EPOCH);
        let mut columns: Vec<_> = Tab::ChatEvents.columns().to_vec();
        columns.sort_unstable();
        assert_eq!(row.cells.keys().collect::<Vec<_>>(), columns);
        assert_eq!(row.cells["type"], Cell::Text("chat.turn".into()));
        assert_eq!(row.cells["session_id"], Cell::Empty);
    }
}
