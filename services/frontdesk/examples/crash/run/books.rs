//! What the spreadsheet shows, under names that do not depend on who came first.
//!
//! Contacts and leads that nobody named have ids made on arrival, with the time in them, and a meeting whose uid came
//! late is named by what came first. These names alone are replaced, by what the rows are about; everything else is
//! compared as it stands. The invariant: two rows of one name are both kept, for the verdict to see.

use std::collections::BTreeMap;

use sandbox::Sandbox;
use serde_json::{Map, Value};

/// The cells of one row by column.
pub(super) type Line = Map<String, Value>;

/// All rows: by tab, by name.
#[derive(Clone, Debug, Default)]
pub(super) struct Books {
    pub(super) tabs: BTreeMap<String, BTreeMap<String, Vec<Line>>>,
    /// The texts of the id cells, as they stand.
    pub(super) ids: Vec<(String, String)>,
}

fn text(line: &Line, column: &str) -> String {
    line.get(column).and_then(Value::as_str).unwrap_or_default().to_owned()
}

fn lines(sandbox: &Sandbox, tab: &str) -> Vec<Line> {
    let mut cells = sandbox.tab(tab).unwrap_or_default().into_iter();
    let header: Vec<String> = cells
        .next()
        .unwrap_or_default()
        .iter()
        .map(|name| name.as_str().unwrap_or_default().to_owned())
        .collect();
    let line = |cells: Vec<Value>| {
        let cells = cells.into_iter().chain(std::iter::repeat(Value::Null));
        header.iter().cloned().zip(cells).collect()
    };
    cells.map(line).collect()
}

// === impl Books ===

impl Books {
    pub(super) fn read(sandbox: &Sandbox) -> Self {
        let tabs = sandbox
            .tabs()
            .into_iter()
            .map(|tab| (lines(sandbox, &tab), tab))
            .map(|(lines, tab)| (tab, lines));
        Self::of(tabs.collect())
    }

    pub(super) fn of(tabs: BTreeMap<String, Vec<Line>>) -> Self {
        let people = people(&tabs);
        let mut books = Self::default();
        for (tab, lines) in tabs {
            for mut line in lines {
                books.ids.push((tab.clone(), text(&line, "id")));
                let name = rename(&tab, &mut line, &people);
                books.tabs.entry(tab.clone()).or_default().entry(name).or_default().push(line);
            }
        }
        books
    }

    pub(super) fn len(&self) -> usize {
        self.ids.len()
    }
}

/// Contacts whose ids were made on arrival, by the smallest engagement of theirs.
fn people(tabs: &BTreeMap<String, Vec<Line>>) -> BTreeMap<String, String> {
    let mut people = BTreeMap::<String, String>::new();
    for line in tabs.get("engagements").into_iter().flatten() {
        let (contact, engagement) = (text(line, "contact_id"), text(line, "id"));
        if contact.starts_with("con_") {
            let name = people.entry(contact).or_insert_with(|| engagement.clone());
            *name = engagement.min(name.clone());
        }
    }
    people
}

/// Takes the ids out of a row that were made on arrival; answers its name.
fn rename(tab: &str, line: &mut Line, people: &BTreeMap<String, String>) -> String {
    let column = if tab == "contacts" { "id" } else { "contact_id" };
    if let Some(name) = people.get(&text(line, column)) {
        line.insert(column.to_owned(), name.as_str().into());
    }
    let uid = text(line, "cal_event_id");
    if tab == "leads" || uid.starts_with("late-") {
        line.remove("id");
    }
    match tab {
        "leads" => text(line, "contact_id"),
        "bookings" if !uid.is_empty() => uid,
        _ => text(line, "id"),
    }
}
