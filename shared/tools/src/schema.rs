//! JSON schemas by the rules of OpenAI's strict mode.
//!
//! The invariant: every object lists all its properties as required and takes no others; what may be left out is
//! nullable instead.

use serde_json::{Map, Value, json};

/// An object of exactly these properties.
pub(crate) fn object<const N: usize>(properties: [(&str, Value); N]) -> Value {
    let required: Vec<&str> = properties.iter().map(|(name, _)| *name).collect();
    let properties: Map<String, Value> =
        properties.iter().map(|(name, schema)| ((*name).to_owned(), schema.clone())).collect();
    json!({"type": "object", "properties": properties, "required": required, "additionalProperties": false})
}

/// Text.
pub(crate) fn text(description: &str) -> Value {
    json!({"type": "string", "description": description})
}

/// Text or null.
pub(crate) fn optional_text(description: &str) -> Value {
    json!({"type": ["string", "null"], "description": description})
}

/// What is answered under [`optional_text`]: a text that says something.
pub(crate) fn some(text: impl Into<String>) -> Option<String> {
    Some(text.into()).filter(|text| !text.is_empty())
}

/// An integer.
pub(crate) fn integer(description: &str) -> Value {
    json!({"type": "integer", "description": description})
}

/// An integer or null.
pub(crate) fn optional_integer(description: &str) -> Value {
    json!({"type": ["integer", "null"], "description": description})
}

/// A number.
pub(crate) fn number(description: &str) -> Value {
    json!({"type": "number", "description": description})
}

/// Any number of texts.
pub(crate) fn texts(description: &str) -> Value {
    json!({"type": "array", "items": {"type": "string"}, "description": description})
}

/// True, false or null.
pub(crate) fn optional_boolean(description: &str) -> Value {
    json!({"type": ["boolean", "null"], "description": description})
}

/// True or false.
pub(crate) fn boolean(description: &str) -> Value {
    json!({"type": "boolean", "description": description})
}

/// Any number of these.
pub(crate) fn list(items: &Value) -> Value {
    json!({"type": "array", "items": items})
}

/// One of these words; any where there are none.
pub(crate) fn one_of(words: &[String], description: &str) -> Value {
    if words.is_empty() {
        return text(description);
    }
    json!({"type": "string", "enum": words, "description": description})
}

#[cfg(test)]
pub(crate) mod check {
    use super::*;

    /// What strict mode would refuse in `schema`, and where.
    pub(crate) fn strict(schema: &Value, place: &str) -> Vec<String> {
        const KNOWN: &[&str] =
            &["type", "description", "properties", "required", "additionalProperties", "items", "enum"];
        let mut wrong: Vec<String> = schema
            .as_object()
            .map(|members| members.keys().filter(|key| !KNOWN.contains(&key.as_str())).cloned().collect())
            .unwrap_or_else(|| vec!["is no object".to_owned()]);
        let types: Vec<&str> = match &schema["type"] {
            Value::String(one) => vec![one],
            Value::Array(several) => several.iter().filter_map(Value::as_str).collect(),
            _ => Vec::new(),
        };
        let simple = ["string", "integer", "number", "boolean", "null", "object", "array"];
        if types.is_empty() || !types.iter().all(|name| simple.contains(name)) {
            wrong.push(format!("{place}: type"));
        }
        if types.contains(&"object") {
            let names = |value: &Value| -> Vec<String> {
                let mut names: Vec<String> = match value {
                    Value::Object(members) => members.keys().cloned().collect(),
                    Value::Array(names) => {
                        names.iter().map(|n| n.as_str().unwrap_or("?").to_owned()).collect()
                    }
                    _ => Vec::new(),
                };
                names.sort();
                names
            };
            if schema["additionalProperties"] != json!(false) {
                wrong.push(format!("{place}: additionalProperties"));
            }
            if names(&schema["properties"]) != names(&schema["required"]) {
                wrong.push(format!("{place}: required"));
            }
            for (name, member) in schema["properties"].as_object().into_iter().flatten() {
                wrong.extend(strict(member, &format!("{place}.{name}")));
            }
        }
        if types.contains(&"array") {
            wrong.extend(strict(&schema["items"], &format!("{place}[]")));
        }
        wrong
    }

    /// Where `value` is not what `schema` says.
    pub(crate) fn mismatch(schema: &Value, value: &Value, place: &str) -> Vec<String> {
        let is = |name: &str| match name {
            "string" => value.is_string(),
            "integer" => value.is_i64() || value.is_u64(),
            "number" => value.is_number(),
            "boolean" => value.is_boolean(),
            "null" => value.is_null(),
            "object" => value.is_object(),
            "array" => value.is_array(),
            _ => false,
        };
        let fits = match &schema["type"] {
            Value::String(one) => is(one),
            Value::Array(several) => several.iter().any(|one| one.as_str().is_some_and(is)),
            _ => false,
        };
        if !fits || schema["enum"].as_array().is_some_and(|words| !words.contains(value)) {
            return vec![place.to_owned()];
        }
        let mut wrong = Vec::new();
        for (name, member) in value.as_object().into_iter().flatten() {
            match schema["properties"].get(name) {
                Some(known) => wrong.extend(mismatch(known, member, &format!("{place}.{name}"))),
                None => wrong.push(format!("{place}.{name}")),
            }
        }
        if let Some(members) = value.as_object() {
            let required = schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str);
            wrong.extend(
                required.filter(|name| !members.contains_key(*name)).map(|name| format!("{place}.{name}")),
            );
        }
        for (i, item) in value.as_array().into_iter().flatten().enumerate() {
            wrong.extend(mismatch(&schema["items"], item, &format!("{place}[{i}]")));
        }
        wrong
    }

    #[test]
    fn the_rules_of_strict_mode_are_known() {
        let loose = json!({"type": "object", "properties": {"a": {"type": "string"}}, "required": [],
            "additionalProperties": false});
        assert_eq!(strict(&loose, "x"), ["x: required"]);
        let open = json!({"type": "object", "properties": {}, "required": []});
        assert_eq!(strict(&open, "x"), ["x: additionalProperties"]);
        assert_eq!(strict(&list(&json!({"type": "date"})), "x"), ["x[]: type"]);
        assert_eq!(strict(&json!({"type": "string", "minLength": 1}), "x"), ["minLength"]);
        assert!(strict(&object([("a", optional_text("a"))]), "x").is_empty());
    }

    #[test]
    fn every_tool_keeps_them() {
        for workflow in domain::workflow::Registry::built_in().iter() {
            for tool in crate::ALL {
                assert!(strict(&(tool.input)(workflow), tool.name).is_empty(), "{}", tool.name);
                assert!(strict(&(tool.output)(), tool.name).is_empty(), "{}", tool.name);
            }
        }
    }
}
