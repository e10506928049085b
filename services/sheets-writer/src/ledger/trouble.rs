//! What can keep the ledger from writing.

use domain::Tab;

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
    /// The quota is used up.
    #[error("Google Sheets' quota is used up")]
    Quota(Option<std::time::Duration>),
    /// There is no such spreadsheet.
    #[error("there is no spreadsheet {0}, or it is not shared with these credentials")]
    NoSpreadsheet(String),
    /// The store's ledger was written to another spreadsheet.
    #[error(
        "this store's ledger fills spreadsheet {0}; point GOOGLE_SHEETS_ID back to it, or start with an empty store"
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
    /// A tab's header is not ours.
    #[error("the header of tab {tab} is wrong: {wrong}")]
    Header {
        /// The tab.
        tab: Tab,
        /// What is wrong, in words.
        wrong: String,
    },
    /// A tab is gone.
    #[error("tab {0} was deleted from the spreadsheet; its rows wait")]
    TabGone(Tab),
    /// The tabs could not be made.
    #[error("Google Sheets refused to make our tabs in the spreadsheet")]
    TabsRefused,
    /// The outcome of a batch cannot be found out yet.
    #[error("the outcome of batch {0} is not known yet")]
    Unsettled(i32),
    /// Another writer has taken over.
    #[error("another writer has taken over")]
    Overtaken,
}
