//! Looking at the spreadsheet, and making its tabs.
//!
//! The invariant: tabs are made only in a spreadsheet that this ledger has never written.

use std::collections::BTreeMap;

use domain::Tab;

use super::{
    all_tabs,
    layout::{self, Description, Place},
    locate,
    protocol::Carries,
    trouble::Trouble,
    writer::Writer,
};
use crate::sheets::Reply;

impl Writer<'_> {
    /// Reads the spreadsheet's tabs and whose ledger it is.
    pub(super) async fn look(&mut self) -> Result<Description, Trouble> {
        let description = self.describe().await?;
        self.pass_unknown_batches(&description).await?;
        self.claimed = Vec::new();
        if let Err(trouble) = self.head().check_marks(&description.marks) {
            if let Trouble::ForeignLedger(_) = trouble {
                self.claimed = self.claimed_marks(&description).await?;
            }
            if self.claimed.is_empty() {
                return Err(self.unless_overtaken(trouble).await);
            }
        } else {
            self.use_up_claim().await?;
        }
        let place = |(tab, sheet_id): (&Tab, &i64)| {
            let title = description.sheets.get(sheet_id)?.clone();
            let protected = description.protected.get(sheet_id).cloned().unwrap_or_default();
            // Until the header is read, before the first batch, the columns stand as we made them.
            let columns = tab.columns().iter().map(|column| (*column).to_owned()).zip(0..).collect();
            let height = description.heights.get(sheet_id).copied().unwrap_or(0);
            Some((*tab, Place { sheet_id: *sheet_id, title, columns, protected, height }))
        };
        (self.cells, self.looked) = (description.cells, self.now());
        self.places = Some(self.head().tabs.iter().filter_map(place).collect());
        self.lines.clear();
        Ok(description)
    }

    /// Reads the description of the spreadsheet.
    pub(super) async fn describe(&self) -> Result<Description, Trouble> {
        match self.ledger.sheets.describe().await {
            Reply::Done(body) => Ok(Description::read(&body)),
            Reply::RateLimited(hint) => Err(Trouble::Quota(hint)),
            Reply::Refused(_) => Err(Trouble::ReadRefused),
            Reply::Absent => Err(Trouble::NoSpreadsheet(self.ledger.sheets.spreadsheet_id().to_owned())),
            Reply::Unclear(trouble) => Err(trouble.into()),
        }
    }

    /// Whoever was stopped for long finds the next writer's batches and knows nothing of them.
    async fn unless_overtaken(&self, trouble: Trouble) -> Trouble {
        match self.ledger.load_head().await {
            Ok(head) if head.is_still(self.head()) => trouble,
            Ok(_) => Trouble::Overtaken,
            Err(error) => error.into(),
        }
    }

    /// Makes the tabs and headers of a spreadsheet that was never written, in one numbered batch.
    pub(super) async fn set_up(&mut self) -> Result<(), Trouble> {
        let description = self.look().await?;
        let mut tabs = BTreeMap::new();
        let mut requests = Vec::new();
        for tab in all_tabs() {
            let existing = description.sheet_of(tab);
            let taken = tabs.values().copied().collect();
            let sheet_id = existing.unwrap_or_else(|| description.free_id(tab, &taken));
            let header = match existing {
                Some(sheet_id) => self.header(sheet_id).await?,
                None => Vec::new(),
            };
            if header.is_empty() {
                requests.extend(layout::create(tab, sheet_id, existing.is_some()));
            } else {
                let columns = layout::find_columns(tab, &header)?;
                let met = self.head().restored.is_some();
                if self.head().moved && !met && self.has_ids(sheet_id, columns["id"]).await? {
                    return Err(Trouble::NotEmpty(tab));
                }
            }
            tabs.insert(tab, sheet_id);
        }
        self.send(Carries::Tabs(tabs), requests, Vec::new()).await
    }

    /// Whether a sheet has rows. Those of a ledger that filled another spreadsheet before would stand there twice.
    async fn has_ids(&self, sheet_id: i64, column: u32) -> Result<bool, Trouble> {
        let lines = locate::read(&self.ledger.sheets, &[layout::column_range(sheet_id, column)]).await?;
        Ok(lines.iter().flatten().skip(1).flatten().any(|id| !id.is_empty()))
    }

    pub(super) async fn header(&self, sheet_id: i64) -> Result<Vec<String>, Trouble> {
        let mut lines = locate::read(&self.ledger.sheets, &[layout::header_range(sheet_id)]).await?;
        Ok(lines
            .pop()
            .and_then(|mut lines| (!lines.is_empty()).then(|| lines.swap_remove(0)))
            .unwrap_or_default())
    }
}
