//! What a visitor is shown of an effect.
//!
//! The invariants: a receipt holds what a tool has stored, and nothing that the model said; and one effect has one receipt,
//! for its id follows from what was wanted.

use domain::id::digest;
use serde_json::Value;
use tools::{Receipt, Session};

use crate::{card, turn::Turn};

/// Puts the receipt of a call into the thread, once.
pub(crate) async fn keep(
    turn: &Turn,
    session: &Session,
    (tool, arguments): (&str, &Value),
    receipt: &Receipt,
) -> Result<(), store::Error> {
    // what makes two calls one effect
    let id = format!("wgt_{}", digest(&["receipt", &session.wish(tool, arguments), &session.turn]));
    if turn.item(&id).await?.is_some() {
        return Ok(());
    }
    turn.done(card::receipt(turn.head(id), receipt)).await
}
