//! What a batch really hit, told by what stands in its lines afterwards.
//!
//! A batch names lines and columns by their numbers; a person who sorts a tab or inserts a column between our read and
//! our write makes them name something else. The invariant: a row counts as landed only where its id and its header
//! were seen, and what was hit in its place is written again, in the columns that were hit and no other.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use domain::Tab;
use serde_json::Value;

use super::{
    layout::find_columns,
    protocol::{Carried, Columns},
};
use crate::rows::RowKey;

/// Headers and ids that stand in the spreadsheet after a batch, by sheet id and line.
#[derive(Debug, Default)]
pub(super) struct Seen {
    pub(super) headers: HashMap<i64, Vec<String>>,
    pub(super) ids: HashMap<(i64, u32), String>,
}

/// What a batch came to, row by row.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Hit {
    /// Rows that stand where they should.
    pub(super) landed: Vec<Carried>,
    /// Columns of rows that were hit by what was meant for others.
    pub(super) spoilt: BTreeMap<RowKey, BTreeSet<String>>,
    /// Tabs in which something had moved.
    pub(super) moved: BTreeSet<Tab>,
}

// === impl Seen ===

impl Seen {
    /// Reads an answer's `updatedSpreadsheet`: the first line is a header, any other line an id cell.
    pub(super) fn in_answer(body: &Value) -> Self {
        let mut seen = Self::default();
        for sheet in body["updatedSpreadsheet"]["sheets"].as_array().into_iter().flatten() {
            let sheet_id = sheet["properties"]["sheetId"].as_i64().unwrap_or(0);
            for data in sheet["data"].as_array().into_iter().flatten() {
                let line = data["startRow"].as_u64().and_then(|line| u32::try_from(line).ok()).unwrap_or(0);
                let cells = data["rowData"][0]["values"].as_array();
                let mut texts = cells.into_iter().flatten().map(text);
                if line == 0 {
                    seen.headers.insert(sheet_id, texts.collect());
                } else {
                    seen.ids.insert((sheet_id, line), texts.next().unwrap_or_default());
                }
            }
        }
        seen
    }

    /// Judges a batch that has landed; `columns` is where it took each tab's columns to be.
    pub(super) fn judge(
        &self,
        rows: &[Carried],
        columns: &BTreeMap<Tab, Columns>,
        tabs: &BTreeMap<Tab, i64>,
    ) -> Hit {
        let mut hit = Hit::default();
        for row in rows {
            let tab = row.key.tab;
            let (sheet_id, meant) = (tabs[&tab], &columns[&tab]);
            let header = self.headers.get(&sheet_id).and_then(|header| find_columns(tab, header).ok());
            let found = header.as_ref().unwrap_or(meant);
            match row.line {
                Some(line) => {
                    let id = self.ids.get(&(sheet_id, line)).map(String::as_str).unwrap_or_default();
                    hit.judge_update(row, id, meant, found);
                }
                None => hit.judge_new(row, meant, found),
            }
        }
        hit
    }
}

fn text(cell: &Value) -> String {
    cell["userEnteredValue"]["stringValue"].as_str().unwrap_or_default().to_owned()
}

// === impl Hit ===

impl Hit {
    /// A row that was changed in a line in which now `id` stands.
    fn judge_update(&mut self, row: &Carried, id: &str, meant: &Columns, found: &Columns) {
        if id == row.key.id && meant == found {
            self.landed.push(row.clone());
            return;
        }
        self.moved.insert(row.key.tab);
        // Where the ids themselves have moved, `id` was read from some other column.
        let victim = if meant["id"] == found["id"] { id } else { &row.key.id };
        if !victim.is_empty() {
            let written: BTreeSet<u32> = row.columns.iter().map(|column| meant[column]).collect();
            let columns = found.iter().filter(|(_, index)| written.contains(index));
            let key = RowKey { tab: row.key.tab, id: victim.to_owned() };
            self.spoilt.entry(key).or_default().extend(columns.map(|(column, _)| column.clone()));
        }
    }

    /// A row that was appended. Where the ids have moved its line cannot be found by them, and it is appended again.
    fn judge_new(&mut self, row: &Carried, meant: &Columns, found: &Columns) {
        if meant != found {
            self.moved.insert(row.key.tab);
            let shifted = found.iter().filter(|(column, index)| meant[*column] != **index);
            let shifted: BTreeSet<String> = shifted.map(|(column, _)| column.clone()).collect();
            if shifted.contains("id") {
                return;
            }
            self.spoilt.entry(row.key.clone()).or_default().extend(shifted);
        }
        self.landed.push(row.clone());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const SHEET: i64 = 7;

    fn key(id: &str) -> RowKey {
        RowKey { tab: Tab::ChatEvents, id: id.into() }
    }

    fn row(id: &str, line: Option<u32>, columns: &[&str]) -> Carried {
        let columns = columns.iter().map(|column| (*column).to_owned()).collect();
        Carried { key: key(id), version: 1, line, columns }
    }

    fn names(columns: &[&str]) -> BTreeSet<String> {
        columns.iter().map(|column| (*column).to_owned()).collect()
    }

    /// Judges `rows` of a batch that took the tab's columns to be as we make them.
    fn judge(rows: &[Carried], header: &[&str], ids: &[(u32, &str)]) -> Hit {
        let seen = Seen {
            headers: [(SHEET, header.iter().map(|title| (*title).to_owned()).collect())].into(),
            ids: ids.iter().map(|(line, id)| ((SHEET, *line), (*id).to_owned())).collect(),
        };
        let meant = Tab::ChatEvents.columns().iter().map(|column| (*column).to_owned()).zip(0..).collect();
        seen.judge(rows, &[(Tab::ChatEvents, meant)].into(), &[(Tab::ChatEvents, SHEET)].into())
    }

    const HEADER: &[&str] = Tab::ChatEvents.columns();

    #[test]
    fn what_stands_where_it_was_meant_has_landed() {
        let rows = [row("a", Some(3), &["type"]), row("b", None, &[])];
        let hit = judge(&rows, HEADER, &[(3, "a")]);
        assert_eq!(hit, Hit { landed: rows.into(), ..Hit::default() });
    }

    #[test]
    fn two_rows_that_were_sorted_meanwhile_are_both_mended() {
        let rows = [row("a", Some(1), &["type"]), row("b", Some(2), &["session_id"])];
        let hit = judge(&rows, HEADER, &[(1, "b"), (2, "a")]);
        assert_eq!(hit.landed, []);
        assert_eq!(hit.spoilt, [(key("b"), names(&["type"])), (key("a"), names(&["session_id"]))].into());
    }

    #[test]
    fn a_line_that_is_gone_spoils_nobody() {
        let hit = judge(&[row("a", Some(1), &["type"])], HEADER, &[(1, "")]);
        assert_eq!((hit.landed, hit.spoilt), (Vec::new(), BTreeMap::new()));
    }

    #[test]
    fn a_column_that_was_inserted_meanwhile_moves_what_was_written() {
        // The owner's column now stands where the type was, the type where the payload was.
        let header = ["id", "session_id", "occurred_at", "mine", "type", "payload_json"];
        let rows = [row("a", Some(1), &["type", "payload_json"]), row("b", None, &[])];
        let hit = judge(&rows, &header, &[(1, "a")]);
        assert_eq!(hit.landed, rows[1..]);
        let spoilt = [(key("a"), names(&["type"])), (key("b"), names(&["type", "payload_json"]))];
        assert_eq!(hit.spoilt, spoilt.into());
    }

    #[test]
    fn a_new_row_whose_id_went_astray_comes_again() {
        let header = ["mine", "id", "session_id", "occurred_at", "type", "payload_json"];
        let rows = [row("a", Some(1), &["type"]), row("b", None, &[])];
        let hit = judge(&rows, &header, &[(1, "")]);
        assert_eq!((hit.landed, hit.spoilt), (Vec::new(), [(key("a"), names(&["occurred_at"]))].into()));
    }

    #[test]
    fn an_answer_is_read_by_its_lines() {
        let cell = |text: &str| json!({"userEnteredValue": {"stringValue": text}});
        let answer = json!({"updatedSpreadsheet": {"sheets": [{"properties": {"sheetId": 7}, "data": [
            {"rowData": [{"values": [cell("id"), {}, cell("type")]}]},
            {"startRow": 4, "rowData": [{"values": [cell("evt_1")]}]},
            {"startRow": 9},
        ]}]}});
        let seen = Seen::in_answer(&answer);
        assert_eq!(seen.headers[&7], ["id", "", "type"]);
        assert_eq!((seen.ids[&(7, 4)].as_str(), seen.ids[&(7, 9)].as_str()), ("evt_1", ""));
    }
}
