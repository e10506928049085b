//! What can keep the ledger from writing.

use domain::Tab;

use super::layout::MOST_CELLS;

/// Why rows wait. Shown by the status and logged when it changes.
#[derive(Debug, thiserror::Error)]
pub(super) enum Trouble {
    /// The store failed.
    #[error("the store failed")]
    Store(#[from] store::Error),
    /// Google Sheets did not do what was asked, or did not say.
    #[error(transparent)]
    Sheets(#[from] crate::sheets::Trouble),
    /// A read was refused.
    #[error("Google Sheets refused a read")]
    ReadRefused,
    /// What stands in a cell that is to be changed is neither ours nor could be read back.
    #[error("somebody types into cells that are to be changed")]
    Contested,
    /// The quota is used up.
    #[error("Google Sheets' quota is used up")]
    Quota(Option<std::time::Duration>),
    /// There is no such spreadsheet.
    #[error("there is no spreadsheet {0}, or it is not shared with these credentials")]
    NoSpreadsheet(String),
    /// The store's ledger was written to another spreadsheet.
    #[error(
        "this store's ledger fills spreadsheet {0}; point GOOGLE_SHEETS_ID back to it, or have the new one filled (ledger rebuild)"
    )]
    OtherSpreadsheet(String),
    /// The spreadsheet belongs to another store's ledger.
    #[error(
        "the spreadsheet belongs to ledger {0}; use an empty spreadsheet, or the store that filled this one"
    )]
    ForeignLedger(String),
    /// The spreadsheet has batches that this store knows nothing of.
    #[error(
        "this store is older than the spreadsheet, which has batch {0} already; start with the store that wrote it"
    )]
    StoreBehind(i32),
    /// The rest of a backup is to come.
    #[error(
        "the store is being restored from a backup; rows wait until that is done (frontdesk restore goes on)"
    )]
    Restoring,
    /// A tab's header is not ours.
    #[error("the header of tab {tab} is wrong: {wrong}")]
    Header {
        /// The tab.
        tab: Tab,
        /// What is wrong, in words.
        wrong: String,
    },
    /// Cells of ours are protected from us.
    #[error(
        "columns {columns} of tab {tab} are protected; remove the protection, or let our account edit the range"
    )]
    Protected {
        /// The tab.
        tab: Tab,
        /// Which of our columns.
        columns: String,
    },
    /// A tab takes nothing, whatever the row.
    #[error("Google Sheets refuses every change of tab {0} (400), whatever the row; its rows wait")]
    TabRefused(Tab),
    /// The spreadsheet is full.
    #[error(
        "tab {tab} cannot grow: the spreadsheet has {cells} cells and Google Sheets takes {MOST_CELLS}; delete what is not needed, or start a new spreadsheet"
    )]
    Full {
        /// The tab.
        tab: Tab,
        /// How many cells its tabs have.
        cells: u64,
    },
    /// The spreadsheet to be filled is in use.
    #[error("tab {0} of the new spreadsheet has rows already; use an empty spreadsheet")]
    NotEmpty(Tab),
    /// A tab is gone.
    #[error("tab {0} was deleted from the spreadsheet; its rows wait (ledger rebuild makes it again)")]
    TabGone(Tab),
    /// The tabs could not be made.
    #[error("Google Sheets refused to make our tabs in the spreadsheet")]
    TabsRefused,
    /// The outcome of a batch cannot be found out yet: not even a batch that is a number alone is taken.
    #[error(
        "Google Sheets refuses to settle batch {0} (400): is the spreadsheet closed to changes, or full of developer metadata?"
    )]
    Unsettled(i32),
    /// Another writer has taken over.
    #[error("another writer has taken over")]
    Overtaken,
}

// === impl Trouble ===

impl Trouble {
    /// Whether nothing but a batch can tell that it is over.
    pub(super) fn is_put_to_the_proof(&self) -> bool {
        matches!(self, Self::TabRefused(_) | Self::Full { .. })
    }
}
