//! The subset of JSON Schema that a function with `strict: true` may use (OpenAI, "Structured model outputs").
//!
//! The invariant: every object of an accepted schema is closed, and requires all that it has.

use serde_json::{Map, Value};

use super::super::{error::Refusal, node::Node};

const DEEPEST: usize = 10;
const FORBIDDEN: [&str; 18] = [
    "allOf",
    "contains",
    "default",
    "dependentRequired",
    "dependentSchemas",
    "else",
    "if",
    "maxContains",
    "maxProperties",
    "minContains",
    "minProperties",
    "not",
    "oneOf",
    "patternProperties",
    "propertyNames",
    "then",
    "unevaluatedProperties",
    "uniqueItems",
];
const FORMATS: [&str; 9] =
    ["date", "date-time", "duration", "email", "hostname", "ipv4", "ipv6", "time", "uuid"];

/// Checks the parameters of the function `name`.
pub(super) fn check(name: &str, parameters: &Node<'_>) -> Result<(), Refusal> {
    let refuse = |why: String| {
        let message = format!("Invalid schema for function '{name}': {why}");
        Refusal::about(&parameters.path, "invalid_function_parameters", message)
    };
    if parameters.value.get("type").and_then(Value::as_str) != Some("object") {
        let got = parameters.value.get("type").and_then(Value::as_str).unwrap_or("None");
        let why = format!("schema must be a JSON Schema of 'type: \"object\"', got 'type: \"{got}\"'.");
        return Err(refuse(why));
    }
    if parameters.value.get("anyOf").is_some() {
        return Err(refuse(
            "schema must have type 'object' and not have 'anyOf' at the top level.".to_owned(),
        ));
    }
    walk(parameters.value, &mut Vec::new(), 0).map_err(refuse)
}

/// `path` holds the steps to this schema, as OpenAI prints them.
fn walk(schema: &Value, path: &mut Vec<String>, depth: usize) -> Result<(), String> {
    let Some(schema) = schema.as_object() else {
        return Err(format!("{} is not of type 'object', 'boolean'.", context(path)));
    };
    if depth > DEEPEST {
        return Err(format!("{}, schema is nested deeper than {DEEPEST} levels.", context(path)));
    }
    if let Some(word) = FORBIDDEN.iter().find(|word| schema.contains_key(**word)) {
        return Err(format!("{}, '{word}' is not permitted.", context(path)));
    }
    let typed = ["type", "anyOf", "enum", "const", "$ref"].iter().any(|word| schema.contains_key(*word));
    if !typed {
        return Err(format!("{}, schema must have a 'type' key.", context(path)));
    }
    if let Some(format) = schema.get("format")
        && !format.as_str().is_some_and(|format| FORMATS.contains(&format))
    {
        return Err(format!("{}, this format is not valid.", context(path)));
    }
    if is(schema, "object") {
        closed(schema, path)?;
    }
    if is(schema, "array") && !schema.contains_key("items") {
        return Err(format!("{}, array schema missing items.", context(path)));
    }
    children(schema, path, depth)
}

/// Walks everything below.
fn children(schema: &Map<String, Value>, path: &mut Vec<String>, depth: usize) -> Result<(), String> {
    let mut step = |steps: &[&str], child: &Value, depth| {
        path.extend(steps.iter().map(|step| (*step).to_owned()));
        let walked = walk(child, path, depth);
        path.truncate(path.len() - steps.len());
        walked
    };
    for group in ["properties", "$defs", "definitions"] {
        for (name, child) in schema.get(group).and_then(Value::as_object).into_iter().flatten() {
            step(&[group, name], child, depth + 1)?;
        }
    }
    if let Some(items) = schema.get("items") {
        step(&["items"], items, depth + 1)?;
    }
    for (at, child) in schema.get("anyOf").and_then(Value::as_array).into_iter().flatten().enumerate() {
        step(&["anyOf", &at.to_string()], child, depth)?;
    }
    Ok(())
}

fn closed(schema: &Map<String, Value>, path: &[String]) -> Result<(), String> {
    if schema.get("additionalProperties") != Some(&Value::Bool(false)) {
        return Err(format!(
            "{}, 'additionalProperties' is required to be supplied and to be false.",
            context(path)
        ));
    }
    let none = Map::new();
    let properties = schema.get("properties").and_then(Value::as_object).unwrap_or(&none);
    let required: Vec<&str> = schema
        .get("required")
        .and_then(Value::as_array)
        .map(|names| names.iter().filter_map(Value::as_str).collect())
        .unwrap_or_default();
    let rule = "'required' is required to be supplied and to be an array including every key in properties.";
    if let Some(missing) = properties.keys().find(|name| !required.contains(&name.as_str())) {
        return Err(format!("{}, {rule} Missing '{missing}'.", context(path)));
    }
    match required.iter().find(|name| !properties.contains_key(**name)) {
        Some(extra) => Err(format!("{}, {rule} Extra required key '{extra}' supplied.", context(path))),
        None => Ok(()),
    }
}

fn is(schema: &Map<String, Value>, kind: &str) -> bool {
    match schema.get("type") {
        Some(Value::String(one)) => one == kind,
        Some(Value::Array(many)) => many.iter().any(|one| one == kind),
        _ => false,
    }
}

/// A Python tuple, because that is how OpenAI prints it.
fn context(path: &[String]) -> String {
    let steps: Vec<_> = path.iter().map(|step| format!("'{step}'")).collect();
    let comma = if steps.len() == 1 { "," } else { "" };
    format!("In context=({}{comma})", steps.join(", "))
}
