//! Tabs that somebody deleted: whoever waits for their rows would wait until they are filled again.

use std::collections::BTreeSet;

use domain::Tab;

use super::{Ledger, layout::Description};
use crate::sheets::Reply;

// === impl Ledger ===

impl Ledger {
    /// The tabs of ours that the spreadsheet has no more; none as long as nothing keeps rows from being written, or if
    /// it cannot be read.
    pub(crate) async fn gone_tabs(&self) -> Result<BTreeSet<Tab>, store::Error> {
        let head = self.load_head().await?;
        if self.blocked_by(&head).is_none() || head.spreadsheet_id != self.sheets.spreadsheet_id() {
            return Ok(BTreeSet::new());
        }
        let Reply::Done(body) = self.sheets.describe().await else { return Ok(BTreeSet::new()) };
        let sheets = Description::read(&body).sheets;
        let gone = head.tabs.iter().filter(|(_, sheet_id)| !sheets.contains_key(sheet_id));
        Ok(gone.map(|(tab, _)| *tab).collect())
    }
}
