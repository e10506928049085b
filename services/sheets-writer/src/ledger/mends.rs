//! What was restored in the spreadsheet, for the status and the metrics.
//!
//! The invariant: it names tabs, rows and columns, and no cell's value.

use std::sync::LazyLock;

use domain::Tab;
use jiff::Timestamp;
use opentelemetry::{KeyValue, global, metrics::Counter};
use serde::{Deserialize, Serialize};
use store::{Collection, Store, Work};

use crate::rows::{RowDoc, mend::Fate};

/// The report; one document.
const MENDS: Collection<Mends> = Collection::new("mends");
const ALL: &str = "all";
/// Most of the last ones that are kept.
const KEPT: usize = 20;

/// Cells of ours that somebody changed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Mends {
    /// How many were written again.
    pub(crate) restored: u64,
    /// How often one was changed too often, and left as it is.
    pub(crate) left: u64,
    /// The last ones, newest first.
    pub(crate) last: Vec<Mend>,
}

/// One of them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Mend {
    pub(crate) tab: Tab,
    pub(crate) row_id: String,
    pub(crate) column: String,
    #[serde(with = "jiff::fmt::serde::timestamp::microsecond::required")]
    pub(crate) at: Timestamp,
    pub(crate) left: bool,
}

/// The report.
pub(super) async fn load(store: &dyn Store) -> Result<Mends, store::Error> {
    Ok(MENDS.get(store, ALL).await?.map(|found| found.value).unwrap_or_default())
}

/// What is told of one row.
pub(super) fn told<'d>(
    doc: &'d RowDoc,
    fates: &'d [(&'static str, Fate)],
    now: Timestamp,
) -> impl Iterator<Item = Mend> + 'd {
    fates.iter().map(move |(column, fate)| Mend {
        tab: doc.tab,
        row_id: doc.id.clone(),
        column: (*column).to_owned(),
        at: now,
        left: *fate == Fate::Left,
    })
}

/// Puts what was done into the report, in the work that does it.
pub(super) async fn report(work: &mut Work<'_>, done: &[Mend]) -> Result<(), store::Error> {
    if done.is_empty() {
        return Ok(());
    }
    let mut mends = work.get(&MENDS, ALL).await?.unwrap_or_default();
    for mend in done {
        *(if mend.left { &mut mends.left } else { &mut mends.restored }) += 1;
        mends.last.insert(0, mend.clone());
    }
    mends.last.truncate(KEPT);
    work.put(&MENDS, ALL, &mends);
    Ok(())
}

/// Logs and counts what was done, once it is committed.
pub(super) fn announce(done: &[Mend]) {
    static RESTORED: LazyLock<Counter<u64>> =
        LazyLock::new(|| global::meter(crate::NAME).u64_counter("ledger.cells.changed_by_others").build());
    for mend in done {
        let Mend { tab, row_id, column, left, .. } = mend;
        let fate = if *left { "left" } else { "restored" };
        tracing::warn!(%tab, row = row_id, column, fate, "somebody changed a cell of ours");
        let of = [("tab", tab.as_str().to_owned()), ("column", column.clone()), ("fate", fate.to_owned())];
        RESTORED.add(1, &of.map(|(name, value)| KeyValue::new(name, value)));
    }
}
