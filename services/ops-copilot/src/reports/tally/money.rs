//! Payments and subscriptions of a week.

use domain::{payment, subscription};
use jiff::Timestamp;
use serde::Deserialize as _;

use crate::{
    books::Cells,
    reports::summary::{Sums, add},
};

/// What is counted.
#[derive(Default)]
pub(super) struct Money {
    /// Of payments that came in the week: the amount that was charged.
    pub(super) revenue: Sums,
    /// Of the same payments: what was paid back of them until now.
    pub(super) refunded: Sums,
    /// Whose they are.
    pub(super) payers: Vec<String>,
    /// Payments begun in the week whose state is `failed` now: one that was tried again and came is none.
    pub(super) failed: i64,
    /// Of subscriptions that had begun, and not ended, at the end of the week: the revenue of a month that their row says
    /// now, or of one that has ended since, what it said until then.
    pub(super) mrr: Sums,
    /// Subscriptions whose `started_at` is in the week.
    pub(super) started: i64,
    /// Subscriptions that ended in the week, see [`ended_at`].
    pub(super) ended: i64,
}

// === impl Money ===

impl Money {
    pub(super) fn payment(&mut self, cells: &Cells, from: Timestamp, to: Timestamp) {
        let week = from..to;
        let status = cells.text("status");
        if status == "failed" && week.contains(&cells.at) {
            self.failed += 1;
        }
        // A payment came in the week in which its `paid_at` is; one of nothing is none.
        let came = payment::came(status) && cells.time("paid_at").is_some_and(|at| week.contains(&at));
        let Some(amount) = cells.money("amount").filter(|amount| came && amount.minor > 0) else { return };
        add(&mut self.revenue, amount);
        if let Ok(refunded) = domain::Money::deserialize(&cells.json("metadata")["refunded"]) {
            add(&mut self.refunded, refunded);
        }
        self.payers.push(cells.text("contact_id").to_owned());
    }

    pub(super) fn subscription(&mut self, cells: &Cells, from: Timestamp, to: Timestamp) {
        let week = from..to;
        let started = cells.time("started_at").unwrap_or(cells.at);
        if week.contains(&started) {
            self.started += 1;
        }
        if ended_at(cells).is_some_and(|at| week.contains(&at)) {
            self.ended += 1;
        }
        if runs_at(cells, to)
            && let Some(mrr) =
                [cells.money("mrr"), cells.former("mrr")].into_iter().flatten().find(|mrr| mrr.minor > 0)
        {
            add(&mut self.mrr, mrr);
        }
    }
}

/// When a subscription ended, once its state says that it is over: as it was kept when it came to that. Of rows without it
/// their `canceled_at` is all that is known, although one that is canceled may run to the end of what is paid for.
pub(crate) fn ended_at(cells: &Cells) -> Option<Timestamp> {
    if !subscription::is_over(cells.text("status")) {
        return None;
    }
    cells.ended_at().or_else(|| cells.time("canceled_at"))
}

/// Whether a subscription had begun at a moment and not ended; of one that is over without saying since when, it had.
pub(crate) fn runs_at(cells: &Cells, at: Timestamp) -> bool {
    let started = cells.time("started_at").unwrap_or(cells.at);
    let is_over = match ended_at(cells) {
        Some(ended) => ended < at,
        None => subscription::is_over(cells.text("status")),
    };
    started < at && !is_over
}
