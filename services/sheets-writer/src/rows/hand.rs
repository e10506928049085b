//! What people typed into the columns that are theirs.
//!
//! A cell that shows anything but what we may have written there was typed by a person, and theirs it stays: it goes
//! over what the model says, in every list and after every rebuild. The invariant: what we wrote ourselves, into the
//! right line or a wrong one, is never taken for a person's.

use domain::{Cell, Cells, Tab};

use super::{RowDoc, State};

/// Most values remembered of a cell whose change waits: a person who types an older one again is not heard.
const MOST_SHOWN: usize = 8;

/// The columns of a tab in which a person's word is the last.
pub(crate) const fn columns(tab: Tab) -> &'static [&'static str] {
    match tab {
        Tab::Contacts => &["first_name", "last_name", "company", "tags"],
        Tab::Leads => &["notes", "owner", "status"],
        Tab::Engagements | Tab::Bookings | Tab::Subscriptions | Tab::Payments | Tab::ChatEvents => &[],
    }
}

// === impl RowDoc ===

impl RowDoc {
    /// What the spreadsheet is to show in a column.
    pub(crate) fn cell(&self, column: &str) -> &Cell {
        self.typed.get(column).or_else(|| self.cells.get(column)).unwrap_or(&Cell::Empty)
    }

    /// Its cells with what people typed.
    pub(super) fn merged(&self) -> Cells {
        let mut cells = self.cells.clone();
        cells.extend(self.typed.iter().map(|(column, cell)| (column.clone(), cell.clone())));
        cells
    }

    /// Remembers what a cell shows until a change of it has landed.
    pub(super) fn remember(&mut self, column: &str, old: Cell) {
        if columns(self.tab).contains(&column) {
            let shown = self.shown.entry(column.to_owned()).or_default();
            shown.push(old);
            let surplus = shown.len().saturating_sub(MOST_SHOWN);
            shown.drain(..surplus);
        }
    }

    /// The columns of people's whose change waits for the line that it stands in.
    pub(crate) fn contested(&self) -> impl Iterator<Item = &'static str> {
        let contested = |column: &&str| {
            self.landed && self.changed.contains_key(*column) && !self.spoilt.contains(*column)
        };
        columns(self.tab).iter().copied().filter(contested)
    }

    /// Whether a person typed `text`, which stands in `column` now; `shows` is how the spreadsheet shows a cell.
    pub(crate) fn is_typed(&self, column: &str, text: &str, shows: impl Fn(&Cell) -> String) -> bool {
        let is_ours = || {
            let older = self.shown.get(column).filter(|_| self.changed.contains_key(column));
            shows(self.cell(column)) == text || older.into_iter().flatten().any(|older| shows(older) == text)
        };
        self.landed && self.state != State::Deleted && !self.spoilt.contains(column) && !is_ours()
    }

    /// A person typed `text` into `column`.
    pub(crate) fn take(&mut self, column: &str, text: &str) {
        self.typed.insert(column.to_owned(), text.to_owned().into());
        self.changed.remove(column);
        self.shown.remove(column);
        if self.state != State::Parked {
            self.settle_state();
        }
    }

    /// Waits to be written whole again, as a new line, if it was deleted by a person.
    pub(crate) fn restore(&mut self) -> bool {
        let deleted = self.state == State::Deleted;
        if deleted {
            self.state = State::Pending;
            self.unwrite();
            self.returns = true;
        }
        deleted
    }

    /// The spreadsheet has no line of it: what is neither deleted nor parked waits to be written whole.
    pub(crate) fn unwrite(&mut self) {
        (self.landed, self.adopted) = (false, false);
        self.changed = self.cells.keys().map(|column| (column.clone(), self.version)).collect();
        self.shown.clear();
        self.spoilt.clear();
        if !matches!(self.state, State::Deleted | State::Parked) {
            self.settle_state();
        }
    }

    /// Its line stands, and the store does not know what it shows. Ours is written again; what stands in people's
    /// columns is read back as if they had typed it.
    pub(crate) fn meet(&mut self) {
        self.unwrite();
        (self.landed, self.returns) = (true, false);
        let peoples = columns(self.tab);
        self.changed.retain(|column, _| column != "id" && !peoples.contains(&column.as_str()));
        if self.state == State::Pending {
            self.settle_state();
        }
    }

    /// Waits again if it was parked.
    pub(crate) fn retry(&mut self) -> bool {
        let parked = self.state == State::Parked;
        if parked {
            self.settle_state();
        }
        parked
    }
}
