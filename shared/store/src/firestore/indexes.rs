//! What a database needs for the queries of its services, in the form of Firebase's `firestore.indexes.json`.
//!
//! Firestore indexes every field of every document by itself unless it is told not to, and no two fields together
//! unless it is told to. The invariant: what is printed here is all that is indexed, so nothing is that grows with
//! time but what a service has declared.

use serde::Serialize;

use super::{
    names::collection,
    record::{EXPIRES_AT, ID, path},
};
use crate::{Index, Order, Schema};

/// The indexes of a database.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Indexes {
    indexes: Vec<Composite>,
    field_overrides: Vec<Override>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Composite {
    collection_group: String,
    query_scope: &'static str,
    fields: Vec<Field>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Field {
    field_path: String,
    order: &'static str,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Override {
    collection_group: String,
    field_path: String,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    ttl: bool,
    indexes: Vec<Single>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Single {
    order: &'static str,
    query_scope: &'static str,
}

/// Queries look into one collection each.
const SCOPE: &str = "COLLECTION";

/// What the stores of these services need, by name and schema.
pub fn indexes(services: &[(&str, Schema)]) -> Indexes {
    let mut indexes = Vec::new();
    // The defaults of the database: nothing that is not declared.
    let mut field_overrides = vec![Override {
        collection_group: "__default__".into(),
        field_path: "*".into(),
        ttl: false,
        indexes: Vec::new(),
    }];
    for (service, schema) in services {
        for index in schema.indexes {
            if index.fields.is_empty() {
                field_overrides.push(by_id(service, index));
            } else {
                indexes.extend(index.orders.iter().map(|order| composite(service, index, *order)));
            }
        }
        field_overrides.extend(schema.expiring.iter().map(|name| Override {
            collection_group: collection(service, name),
            field_path: EXPIRES_AT.into(),
            ttl: true,
            indexes: Vec::new(),
        }));
    }
    Indexes { indexes, field_overrides }
}

fn composite(service: &str, index: &Index, order: Order) -> Composite {
    let fields = index.fields.iter().map(|field| path(field)).chain([ID.to_owned()]);
    Composite {
        collection_group: collection(service, index.collection),
        query_scope: SCOPE,
        fields: fields.map(|field_path| Field { field_path, order: word(order) }).collect(),
    }
}

/// An index of no fields is in the order of ids.
fn by_id(service: &str, index: &Index) -> Override {
    let single = |order: &Order| Single { order: word(*order), query_scope: SCOPE };
    Override {
        collection_group: collection(service, index.collection),
        field_path: ID.into(),
        ttl: false,
        indexes: index.orders.iter().map(single).collect(),
    }
}

fn word(order: Order) -> &'static str {
    match order {
        Order::Ascending => "ASCENDING",
        Order::Descending => "DESCENDING",
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::{ASCENDING, BOTH};

    #[test]
    fn every_direction_is_an_index_of_its_own_and_nothing_else_is_indexed() {
        static DUE: Index = Index { collection: "rows", name: "due", fields: &["tab", "at"], orders: BOTH };
        static ALL: Index = Index { collection: "people", name: "all", fields: &[], orders: ASCENDING };
        const SCHEMA: Schema = Schema { version: 1, indexes: &[&DUE, &ALL], expiring: &["inbox"] };
        let field = |path: &str, order: &str| json!({ "fieldPath": path, "order": order });
        let composite = |order: &str| {
            json!({
                "collectionGroup": "desk_rows",
                "queryScope": "COLLECTION",
                "fields": [field("f.tab", order), field("f.at", order), field("id", order)],
            })
        };
        let wanted = json!({
            "indexes": [composite("ASCENDING"), composite("DESCENDING")],
            "fieldOverrides": [
                { "collectionGroup": "__default__", "fieldPath": "*", "indexes": [] },
                {
                    "collectionGroup": "desk_people",
                    "fieldPath": "id",
                    "indexes": [{ "order": "ASCENDING", "queryScope": "COLLECTION" }],
                },
                { "collectionGroup": "desk_inbox", "fieldPath": "expires_at", "ttl": true, "indexes": [] },
            ],
        });
        assert_eq!(serde_json::to_value(indexes(&[("desk", SCHEMA)])).unwrap(), wanted);
    }
}
