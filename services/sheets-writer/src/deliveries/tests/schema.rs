//! What is sent, held against the published schemas by an implementation of JSON schema that is not ours.

use boon::{Compiler, Draft, Schemas};
use serde_json::Value;

use crate::deliveries::catalogue;

/// Holds one body against the schema of its type, and every field of its data against what the schema describes.
pub(in crate::deliveries) fn check(body: &Value) {
    let entry = catalogue::find(body["type"].as_str().unwrap()).unwrap();
    let schema: Value = serde_json::from_str(entry.schema).unwrap();
    let described = schema["properties"]["data"]["properties"].as_object().unwrap();
    for field in body["data"].as_object().unwrap().keys() {
        assert!(described.contains_key(field), "{}: {field} is not described", entry.name);
    }
    let mut compiler = Compiler::new();
    compiler.set_default_draft(Draft::V2020_12);
    compiler.enable_format_assertions();
    compiler.add_resource("https://frontdesk.test/schema", schema).unwrap();
    let mut schemas = Schemas::new();
    let index = compiler.compile("https://frontdesk.test/schema", &mut schemas).unwrap();
    if let Err(wrong) = schemas.validate(body, index) {
        panic!("{}: {wrong:#}", entry.name);
    }
}
