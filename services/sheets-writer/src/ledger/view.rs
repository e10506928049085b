//! The spreadsheet as people see it: every column, theirs included.
//!
//! Some lines at a time are kept for some seconds, and whoever asks for the same meanwhile waits for the same read. The
//! invariant: a page is of one read, and the columns' names are those that were read with it.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use domain::{Fault, Kind, Reason, Tab};
use jiff::{civil::DateTime, tz::TimeZone};
use serde_json::{Map, Value};
use tokio::{sync::OnceCell, time::Instant};

use super::{
    Ledger,
    layout::letters,
    line::rows_of,
    reader::{Lines, Sheet, refused},
    trouble::Trouble,
};
use crate::{error::Error, sheets::Render};

/// How long a read is served again.
const FRESH: Duration = Duration::from_secs(15);
/// Lines of one read: those of the largest page.
const LINES: u32 = 500;
/// Most reads that are kept.
const MOST_KEPT: usize = 16;

/// Reads that are kept, by tab and first line.
#[derive(Debug, Default)]
pub(super) struct Views(Mutex<HashMap<(Tab, u32), Arc<Kept>>>);

/// A read, and when it was; not set while it is under way.
type Kept = OnceCell<(Instant, Arc<View>)>;

/// Some lines of a tab.
#[derive(Debug)]
pub(crate) struct View {
    pub(crate) title: String,
    pub(crate) columns: Vec<String>,
    pub(crate) lines: Vec<Shown>,
    /// The line that comes after them, if the tab has one.
    pub(crate) next: Option<u32>,
}

/// One line that is not empty.
#[derive(Clone, Debug)]
pub(crate) struct Shown {
    /// Counted from 0, the header being 0.
    pub(crate) number: u32,
    pub(crate) row_id: Option<String>,
    pub(crate) cells: Map<String, Value>,
}

// === impl Views ===

impl Views {
    /// Where a read is kept. Nobody waits here for one that is under way.
    fn cell(&self, tab: Tab, first: u32, now: Instant) -> Arc<Kept> {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept.retain(|_, cell| match cell.get() {
            Some((at, _)) => now.duration_since(*at) < FRESH,
            None => Arc::strong_count(cell) > 1,
        });
        match kept.get(&(tab, first)) {
            Some(cell) => cell.clone(),
            None if kept.len() >= MOST_KEPT => Arc::default(),
            None => kept.entry((tab, first)).or_default().clone(),
        }
    }
}

// === impl Ledger ===

impl Ledger {
    /// The lines of a tab from `from` on, 500 at most and of one read.
    pub(crate) async fn view(&self, tab: Tab, from: u32) -> Result<Arc<View>, Error> {
        let first = from.max(1);
        let cell = self.views.cell(tab, first, self.timer.now());
        let read = async || {
            let view = self.look_at(tab, first).await?;
            Ok::<_, Error>((self.timer.now(), Arc::new(view)))
        };
        Ok(cell.get_or_try_init(read).await?.1.clone())
    }

    async fn look_at(&self, tab: Tab, first: u32) -> Result<View, Error> {
        let sheet = self.survey().await?.sheet(tab).map_err(|trouble| match trouble {
            Trouble::TabGone(_) => {
                let why = format!("the spreadsheet has no tab {tab}");
                Fault::new(Kind::NotFound, Reason::StateWrong, why).into()
            }
            trouble => refused(&trouble),
        })?;
        let last = first.saturating_add(LINES).min(sheet.height).max(first);
        let first = first.min(sheet.height);
        let read = self.read_lines(&sheet, first..last.min(sheet.height), Render::Dated).await?;
        self.view_of(&sheet, &read, last).await
    }

    async fn view_of(&self, sheet: &Sheet, read: &Lines, last: u32) -> Result<View, Error> {
        let width = read.body.iter().map(Vec::len).chain([read.header.len()]).max().unwrap_or(0);
        let columns = names(&read.header, width);
        let at = |name: &str| read.header.iter().position(|title| title.trim() == name);
        let id = at("id");
        let times: Vec<usize> =
            sheet.tab.columns().iter().filter(|name| is_time(name)).filter_map(|name| at(name)).collect();
        let mut lines = Vec::new();
        for (number, values) in (read.first..).zip(&read.body) {
            let cells: Map<String, Value> = columns
                .iter()
                .zip(values)
                .enumerate()
                .filter(|(_, (_, value))| !value.is_null() && **value != "")
                .map(|(index, (name, value))| {
                    let value =
                        if times.contains(&index) { written_out(value, &self.zone) } else { value.clone() };
                    (name.clone(), value)
                })
                .collect();
            if !cells.is_empty() {
                let row_id =
                    id.and_then(|id| values.get(id)).map(super::layout::text).filter(|id| !id.is_empty());
                lines.push(Shown { number, row_id, cells });
            }
        }
        let ours =
            rows_of(&*self.store, sheet.tab, lines.iter().filter_map(|line| line.row_id.as_ref())).await?;
        for line in &mut lines {
            line.row_id.take_if(|id| !ours.contains_key(id));
        }
        let next = (last < sheet.height).then_some(last);
        Ok(View { title: sheet.title.clone(), columns, lines, next })
    }
}

/// A name for each column: its title, its letters where it has none or another has the same.
fn names(header: &[String], width: usize) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    for index in 0..width {
        let title = header.get(index).map(|title| title.trim()).unwrap_or_default();
        let letters = letters(u32::try_from(index).unwrap_or(u32::MAX));
        names.push(match title {
            "" => letters,
            title if names.iter().any(|name| name == title) => format!("{title} ({letters})"),
            title => title.to_owned(),
        });
    }
    names
}

fn is_time(column: &str) -> bool {
    column.ends_with("_at") || matches!(column, "event_start" | "event_end" | "last_touch")
}

/// A time of ours as RFC 3339; anything else as it stands.
fn written_out(value: &Value, zone: &TimeZone) -> Value {
    let time = value.as_str().and_then(|text| text.parse::<DateTime>().ok());
    match time.and_then(|time| zone.to_timestamp(time).ok()) {
        Some(time) => time.to_string().into(),
        None => value.clone(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn every_column_has_a_name_of_its_own() {
        let header = ["id", "", "mine", "mine"].map(str::to_owned);
        assert_eq!(names(&header, 5), ["id", "B", "mine", "mine (D)", "E"]);
    }

    #[test]
    fn times_are_written_out_and_the_rest_is_left() {
        let zone = TimeZone::get("Europe/Berlin").unwrap();
        assert_eq!(written_out(&json!("2025-11-01 19:00:00"), &zone), "2025-11-01T18:00:00Z");
        for other in [json!("soon"), json!(5), json!(true)] {
            assert_eq!(written_out(&other, &zone), other);
        }
    }
}
