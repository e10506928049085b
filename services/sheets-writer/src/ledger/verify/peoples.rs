//! The columns in which a person's word is the last, as people see them.

use std::ops::Range;

use super::{Columns, Error, Finding, Found, Ledger, Line, Render, RowDoc, Tally, cells};
use crate::rows::hand;

impl Ledger {
    /// What people typed and nobody has read back. It is read as people see it, since that is how it is read back.
    pub(super) async fn hold_peoples(
        &self,
        tally: &Tally<'_>,
        columns: &Columns,
        window: Range<u32>,
        pairs: &[(&Line, &RowDoc)],
    ) -> Result<Vec<Finding>, Error> {
        let tab = tally.sheet.tab;
        let differs = |line: &Line, doc: &RowDoc, column: &str| {
            doc.is_settled(column) && !cells::shows(doc.cell(column), &self.zone, line.cell(column))
        };
        let any = |(line, doc): &(&Line, &RowDoc)| {
            hand::columns(tab).iter().any(|column| differs(line, doc, column))
        };
        if !pairs.iter().any(any) {
            return Ok(Vec::new());
        }
        let read = self.read_lines(&tally.sheet, window, Render::Shown).await?;
        let lines = read.ours(tab, columns);
        let mut found = Vec::new();
        for (line, doc) in pairs {
            // Lines may have been moved since.
            let Some(line) = lines.iter().find(|other| other.number == line.number && other.id == line.id)
            else {
                continue;
            };
            let typed = hand::columns(tab).iter().filter(|column| differs(line, doc, column));
            found.extend(typed.map(|column| Finding::cell(Found::Typed, line, doc, column)));
        }
        Ok(found)
    }
}
