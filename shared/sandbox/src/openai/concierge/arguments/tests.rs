//! Whatever the schema, the arguments conform to it.

use serde_json::{Value, json};

use super::*;

/// A little validator: types, enums, required and closed objects, lengths, bounds, unions, references.
fn conforms(root: &Value, schema: &Value, value: &Value) -> bool {
    if let Some(path) = schema["$ref"].as_str() {
        return conforms(root, root.pointer(&path[1..]).unwrap(), value);
    }
    if let Some(options) = schema["anyOf"].as_array() {
        return options.iter().any(|option| conforms(root, option, value));
    }
    if let Some(values) = schema["enum"].as_array() {
        return values.contains(value);
    }
    if let Some(only) = schema.get("const") {
        return only == value;
    }
    let kinds = match &schema["type"] {
        Value::Array(kinds) => kinds.clone(),
        kind => vec![kind.clone()],
    };
    kinds.iter().any(|kind| match kind.as_str().unwrap() {
        "null" => value.is_null(),
        "boolean" => value.is_boolean(),
        "integer" | "number" => value.as_i64().is_some_and(|number| within(schema, number)),
        "string" => value.as_str().is_some_and(|text| {
            schema["maxLength"].as_u64().is_none_or(|most| text.chars().count() as u64 <= most)
        }),
        "array" => value.as_array().is_some_and(|items| {
            items.len() as u64 >= schema["minItems"].as_u64().unwrap_or(0)
                && items.iter().all(|item| conforms(root, &schema["items"], item))
        }),
        "object" => value.as_object().is_some_and(|map| {
            let names = schema["required"].as_array().unwrap();
            names.iter().all(|name| map.contains_key(name.as_str().unwrap()))
                && map.iter().all(|(name, value)| {
                    schema["properties"].get(name).is_some_and(|member| conforms(root, member, value))
                })
        }),
        other => panic!("{other}"),
    })
}

fn facts() -> Facts {
    let mut facts = Facts { intent: Some("I want to buy a chatbot".to_owned()), ..Facts::default() };
    facts.read("I am Ada Lovelace, ada@example.com, budget $5k");
    facts
}

fn closed(properties: &Value) -> Value {
    let names: Vec<_> = properties.as_object().unwrap().keys().collect();
    json!({"type": "object", "properties": properties, "required": names, "additionalProperties": false})
}

fn filled(schema: &Value, facts: &Facts) -> Value {
    let known =
        Known { facts, said: "ada@example.com", outcome: "qualified", summary: "done", searches: true };
    let value = fill(schema, &known);
    assert!(conforms(schema, schema, &value), "{schema} {value}");
    value
}

#[test]
fn facts_go_where_their_names_are() {
    let text = json!({"type": ["string", "null"]});
    let schema = closed(&json!({
        "email": {"type": "string"},
        "first_name": text,
        "last_name": text,
        "company": text,
        "intent": {"type": "string", "enum": ["support", "buy_inquiry", "other"]},
        "budget": {"anyOf": [{"$ref": "#/$defs/budget"}, {"type": "null"}]},
        "timeframe": {"anyOf": [{"type": "string"}, {"type": "null"}]},
        "outcome": {"type": ["string", "null"], "enum": ["lost", "qualified", null]},
        "query": {"type": "string", "maxLength": 3},
        "notes": text,
        "fields": {"type": "array", "items": {"type": "string", "enum": ["url", "title"]}},
    }));
    let mut schema = schema;
    schema["$defs"] = json!({"budget": closed(&json!({"amount": {"type": "integer"}, "currency": text}))});
    assert_eq!(
        filled(&schema, &facts()),
        json!({
            "email": "ada@example.com", "first_name": "Ada", "last_name": "Lovelace", "company": null,
            "intent": "buy_inquiry", "budget": {"amount": 5000, "currency": "USD"}, "timeframe": null,
            "outcome": "qualified", "query": "ada", "notes": "I want to buy a chatbot", "fields": ["url", "title"],
        })
    );
}

#[test]
fn what_nobody_said_is_null_or_as_little_as_may_be() {
    let schema = closed(&json!({
        "email": {"type": ["string", "null"]},
        "intent": {"type": "string", "enum": ["a", "b"]},
        "consent": {"type": "boolean"},
        "limit": {"type": "integer", "minimum": 3, "maximum": 9},
        "most": {"type": "number", "maximum": 0},
        "tags": {"type": "array", "items": {"type": "string"}, "minItems": 2},
        "none": {"type": "array", "items": {"type": "string"}},
        "kind": {"const": "lead"},
        "deep": closed(&json!({"inner": closed(&json!({"at": {"type": ["integer", "null"]}}))})),
        "either": {"anyOf": [{"type": "integer"}, {"type": "string"}]},
    }));
    assert_eq!(
        filled(&schema, &Facts::default()),
        json!({
            "email": null, "intent": "a", "consent": false, "limit": 3, "most": 0,
            "tags": ["ada@example.com", "ada@example.com"], "none": [], "kind": "lead",
            "deep": {"inner": {"at": null}}, "either": 1,
        })
    );
    let open = json!({"type": "object", "properties": {"email": {"type": "string"}}, "required": []});
    assert_eq!(filled(&open, &Facts::default()), json!({}));
    assert_eq!(
        fill(&Value::Null, &Known { facts: &facts(), said: "", outcome: "", summary: "", searches: false }),
        json!({})
    );
}
