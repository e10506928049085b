//! What a visitor is shown of an effect.
//!
//! The invariant: a receipt holds what a tool has stored, and nothing that the model said.

use tools::Receipt;

use crate::{card, turn::Turn};

/// Puts a receipt into the thread.
pub(crate) async fn keep(turn: &Turn, receipt: &Receipt) -> Result<(), store::Error> {
    let head = turn.head(turn.new_id("wgt_"));
    turn.done(card::receipt(head, receipt)).await
}
