//! What a visitor is shown of an effect.
//!
//! The invariant: a receipt holds what a tool has stored, and nothing that the model said.

use serde_json::json;
use tools::Receipt;

use crate::{
    protocol::{Item, Widget},
    turn::Turn,
};

/// Puts a receipt into the thread.
pub(crate) async fn keep(turn: &Turn, receipt: &Receipt) -> Result<(), store::Error> {
    let head = turn.head(turn.new_id("wgt_"));
    let lines = receipt.lines.iter().map(|(name, value)| format!("{name}: {value}"));
    let mut children = vec![json!({"type": "Text", "value": receipt.title, "weight": "semibold"})];
    children.extend(lines.clone().map(|line| json!({"type": "Text", "value": line, "size": "sm"})));
    let copy_text = std::iter::once(receipt.title.clone()).chain(lines).collect::<Vec<_>>().join("\n");
    let widget = json!({"type": "Card", "size": "sm", "children": children});
    turn.done(Item::Widget(Widget { head, widget, copy_text: Some(copy_text) })).await
}
