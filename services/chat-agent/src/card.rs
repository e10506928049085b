//! A card in a thread: what was stored, in the server's words.

use serde_json::json;

use crate::protocol::{Head, Item, Widget};

/// The card with a title and lines of names and values.
pub(crate) fn card(head: Head, title: &str, lines: &[(String, String)]) -> Item {
    let lines = lines.iter().map(|(name, value)| format!("{name}: {value}"));
    let mut children = vec![json!({"type": "Text", "value": title, "weight": "semibold"})];
    children.extend(lines.clone().map(|line| json!({"type": "Text", "value": line, "size": "sm"})));
    let copy_text = std::iter::once(title.to_owned()).chain(lines).collect::<Vec<_>>().join("\n");
    let widget = json!({"type": "Card", "size": "sm", "children": children});
    Item::Widget(Widget { head, widget, copy_text: Some(copy_text) })
}
