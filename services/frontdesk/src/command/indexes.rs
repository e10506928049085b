//! `frontdesk indexes`: what Firestore has to index.

use std::fmt::Write as _;

use store::{Schema, indexes};

use super::Answer;

/// What every service declares about its documents.
pub(super) const SCHEMAS: [(&str, Schema); 6] = [
    (session_broker::NAME, session_broker::SCHEMA),
    (chat_agent::NAME, chat_agent::SCHEMA),
    (booking_payments::NAME, booking_payments::SCHEMA),
    (whop_gateway::NAME, whop_gateway::SCHEMA),
    (ops_copilot::NAME, ops_copilot::SCHEMA),
    (sheets_writer::NAME, sheets_writer::SCHEMA),
];

/// All of them; the JSON is the form of Firebase's `firestore.indexes.json`.
pub(super) fn run() -> Answer {
    let json = serde_json::to_value(indexes(&SCHEMAS)).expect("indexes are plain JSON");
    Answer::new(json, page())
}

fn page() -> String {
    let mut page = String::new();
    for (service, schema) in SCHEMAS {
        for index in schema.indexes {
            let name = format!("{service}_{}", index.collection);
            let _ = writeln!(
                page,
                "{name:<24} {:<12} {} {:?}",
                index.name,
                index.fields.join(", "),
                index.orders
            );
        }
        for collection in schema.expiring {
            let _ = writeln!(page, "{:<24} expires", format!("{service}_{collection}"));
        }
    }
    page
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_forms_name_every_index() {
        let parsed = serde_json::to_value(indexes(&SCHEMAS)).unwrap();
        let text = page();
        let composites = parsed["indexes"].as_array().unwrap();
        for (service, schema) in SCHEMAS {
            for index in schema.indexes {
                let group = format!("{service}_{}", index.collection);
                let found = composites.iter().filter(|composite| {
                    let fields = composite["fields"].as_array().unwrap();
                    let names: Vec<_> =
                        fields.iter().map(|field| field["fieldPath"].as_str().unwrap()).collect();
                    let wanted: Vec<_> = index.fields.iter().map(|field| format!("f.{field}")).collect();
                    composite["collectionGroup"] == *group && names[..names.len() - 1] == wanted
                });
                assert_eq!(found.count(), index.orders.len(), "{group}.{}", index.name);
                assert!(text.contains(index.name), "{text}");
            }
        }
    }
}
