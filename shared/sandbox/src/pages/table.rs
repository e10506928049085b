//! The spreadsheet as tables: what the page shows, as HTML and as JSON.
//!
//! The invariant: every text of a cell goes through [`escape`] before it is HTML.

use std::fmt::Write;

use serde::Serialize;

use crate::sheets::{Datum, Workbook, formatted};

/// The most rows of a tab that the page shows; the newest are at the end.
const SHOWN: usize = 500;

/// One tab.
#[derive(Serialize)]
pub(super) struct Tab {
    title: String,
    columns: Vec<String>,
    /// How many rows there are below the header.
    total: usize,
    rows: Vec<Line>,
}

/// One row of a tab.
#[derive(Serialize)]
struct Line {
    /// Its index in the tab, the header being 0.
    row: usize,
    cells: Vec<Shown>,
}

/// A cell as it is shown, and of which type it is.
#[derive(Serialize)]
struct Shown(String, &'static str);

/// What the page shows of a workbook: tabs with a header, in their order.
pub(super) fn tabs(book: &Workbook) -> Vec<Tab> {
    let mut tabs = Vec::new();
    for sheet in &book.sheets {
        let used = sheet.used_rows();
        if used == 0 {
            continue;
        }
        let width = (0..used).map(|row| sheet.rows[row].len()).max().unwrap_or(0);
        let text = |row, column| sheet.cell(row, column).map(formatted).unwrap_or_default();
        let kind = |row, column| match sheet.datum(row, column) {
            None => "empty",
            Some(Datum::Text(_)) => "text",
            Some(Datum::Number(_)) => "number",
            Some(Datum::Bool(_)) => "bool",
            Some(Datum::Formula(_)) => "formula",
        };
        let line = |row| Line {
            row,
            cells: (0..width).map(|column| Shown(text(row, column), kind(row, column))).collect(),
        };
        tabs.push(Tab {
            title: sheet.title.clone(),
            columns: (0..width).map(|column| text(0, column)).collect(),
            total: used - 1,
            rows: (used.saturating_sub(SHOWN).max(1)..used).map(line).collect(),
        });
    }
    tabs
}

/// One line about all tabs.
pub(super) fn summary(tabs: &[Tab]) -> String {
    match tabs {
        [] => "Nothing has been written yet. The tabs appear with the first row.".to_owned(),
        tabs => {
            let rows: usize = tabs.iter().map(|tab| tab.total).sum();
            format!("{} in {}", count(rows, "row"), count(tabs.len(), "tab"))
        }
    }
}

fn count(number: usize, noun: &str) -> String {
    format!("{number} {noun}{}", if number == 1 { "" } else { "s" })
}

/// The tables.
pub(super) fn html(tabs: &[Tab]) -> String {
    let mut page = String::new();
    for tab in tabs {
        write_tab(&mut page, tab).expect("a string takes everything");
    }
    page
}

fn write_tab(page: &mut String, tab: &Tab) -> std::fmt::Result {
    let title = escape(&tab.title);
    let shown =
        if tab.rows.len() < tab.total { format!(", newest {} shown", tab.rows.len()) } else { String::new() };
    write!(
        page,
        "<section class=\"tab\" data-tab=\"{title}\" id=\"tab-{title}\"><div class=\"scroll\" tabindex=\"0\" role=\"region\" aria-label=\"{title}\">"
    )?;
    write!(
        page,
        "<table><caption><span class=\"name\">{title}</span> <span class=\"count\">{}{shown}</span></caption><thead><tr>",
        count(tab.total, "row")
    )?;
    for (at, column) in tab.columns.iter().enumerate() {
        let column = escape(column);
        write!(
            page,
            "<th scope=\"col\"><button type=\"button\" data-column=\"{at}\" title=\"Sort the sheet by {column}\">{column}</button></th>"
        )?;
    }
    page.push_str("<th scope=\"col\"><span class=\"unseen\">Delete</span></th></tr></thead><tbody>");
    for line in &tab.rows {
        write!(page, "<tr data-row=\"{}\">", line.row)?;
        for (at, Shown(text, kind)) in line.cells.iter().enumerate() {
            let text = escape(text);
            write!(page, "<td class=\"{kind}\" data-column=\"{at}\">{text}</td>")?;
        }
        write!(
            page,
            "<td class=\"acts\"><button type=\"button\" data-delete=\"{0}\" aria-label=\"Delete row {0}\">×</button></td></tr>",
            line.row
        )?;
    }
    if tab.rows.is_empty() {
        write!(page, "<tr class=\"none\"><td colspan=\"{}\">No rows yet</td></tr>", tab.columns.len() + 1)?;
    }
    page.push_str("</tbody></table></div></section>");
    Ok(())
}

/// Text as HTML, fit for an attribute too.
pub(crate) fn escape(text: &str) -> String {
    let mut html = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => html.push_str("&amp;"),
            '<' => html.push_str("&lt;"),
            '>' => html.push_str("&gt;"),
            '"' => html.push_str("&quot;"),
            '\'' => html.push_str("&#39;"),
            letter => html.push(letter),
        }
    }
    html
}
