//! A card in a thread: what was stored, in the server's words.
//!
//! The invariant: what pressing its button does is read from the card as it is kept, never from what a browser sends.

use serde_json::{Value, json};
use tools::{Receipt, Undo};

use crate::protocol::{Head, Item, Widget};

/// The action of a button that takes an effect back.
pub(crate) const UNDO: &str = "frontdesk.undo";

/// The card with a title and lines of names and values.
pub(crate) fn card(head: Head, title: &str, lines: &[(String, String)]) -> Item {
    let (children, copy_text) = parts(title, lines);
    Item::Widget(widget(head, children, copy_text))
}

/// The card of a receipt: where it goes on, and how it is taken back.
pub(crate) fn receipt(head: Head, receipt: &Receipt) -> Item {
    let Receipt { title, lines, link, undo } = receipt;
    let (mut children, mut copy_text) = parts(title, lines);
    if let Some((label, url)) = link {
        children.push(linked(label, url));
        copy_text.push_str(&format!("\n{label}: {url}"));
    }
    if let Some(undo) = undo {
        children.push(button(undo));
    }
    Item::Widget(widget(head, children, copy_text))
}

/// How what a card shows is taken back, if it can be.
pub(crate) fn undo(widget: &Value) -> Option<Undo> {
    let button = children(widget).iter().find(|child| is_undo(child))?;
    serde_json::from_value(button["onClickAction"]["payload"].clone()).ok()
}

/// The card without its button.
pub(crate) fn without_undo(mut card: Widget) -> Widget {
    if let Some(children) = card.widget["children"].as_array_mut() {
        children.retain(|child| !is_undo(child));
    }
    card
}

fn parts(title: &str, lines: &[(String, String)]) -> (Vec<Value>, String) {
    let lines = lines.iter().map(|(name, value)| format!("{name}: {value}"));
    let mut children = vec![json!({"type": "Text", "value": title, "weight": "semibold"})];
    children.extend(lines.clone().map(|line| json!({"type": "Text", "value": line, "size": "sm"})));
    let copy_text = std::iter::once(title.to_owned()).chain(lines).collect::<Vec<_>>().join("\n");
    (children, copy_text)
}

fn widget(head: Head, children: Vec<Value>, copy_text: String) -> Widget {
    let widget = json!({"type": "Card", "size": "sm", "children": children});
    Widget { head, widget, copy_text: Some(copy_text) }
}

/// A link that opens beside the chat; an address that could end the link stands there as text.
fn linked(label: &str, url: &str) -> Value {
    let plain = |c: char| !c.is_whitespace() && !c.is_control() && !matches!(c, '<' | '>' | '\\');
    let is_web = url.starts_with("https://") || url.starts_with("http://");
    if is_web && url.chars().all(plain) {
        return json!({"type": "Markdown", "value": format!("[{label}](<{url}>)")});
    }
    json!({"type": "Text", "value": format!("{label}: {url}"), "size": "sm"})
}

fn button(undo: &Undo) -> Value {
    let action = json!({"type": UNDO, "payload": undo, "handler": "server", "loadingBehavior": "auto"});
    json!({"type": "Button", "label": undo.label, "size": "sm", "variant": "outline", "onClickAction": action})
}

fn is_undo(child: &Value) -> bool {
    child["type"] == "Button" && child["onClickAction"]["type"] == UNDO
}

fn children(widget: &Value) -> &[Value] {
    widget["children"].as_array().map_or(&[], Vec::as_slice)
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;

    fn shown(url: &str) -> Widget {
        let head = Head { id: "wgt_1".into(), thread_id: "thr_1".into(), created_at: Timestamp::UNIX_EPOCH };
        let undo = Undo {
            label: "Cancel".into(),
            tool: "cancel_meeting".into(),
            arguments: json!({"booking_id": "b"}),
        };
        let lines = vec![("When".to_owned(), "Monday".to_owned())];
        let link = Some(("Pay".to_owned(), url.to_owned()));
        match receipt(head, &Receipt { title: "Booked".into(), lines, link, undo: Some(undo) }) {
            Item::Widget(widget) => widget,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_way_back_is_read_from_the_card_and_goes_with_its_button() {
        let card = shown("https://pay.example/1");
        let back = undo(&card.widget).unwrap();
        assert_eq!((back.tool.as_str(), &back.arguments), ("cancel_meeting", &json!({"booking_id": "b"})));
        assert_eq!(card.copy_text.as_deref(), Some("Booked\nWhen: Monday\nPay: https://pay.example/1"));
        let done = without_undo(card.clone());
        assert_eq!(undo(&done.widget), None);
        assert_eq!(children(&done.widget).len(), children(&card.widget).len() - 1);
    }

    #[test]
    fn an_address_cannot_end_its_link() {
        assert_eq!(
            children(&shown("https://pay.example/1").widget)[2]["value"],
            "[Pay](<https://pay.example/1>)"
        );
        for odd in ["https://x>) [a](b", "javascript:alert(1)", "https://x\n# y"] {
            assert_eq!(children(&shown(odd).widget)[2]["type"], "Text", "{odd}");
        }
    }
}
