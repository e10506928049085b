//! OpenAI's Moderations endpoint: a text with the word `flagme` is harassment, everything else is fine.
//!
//! The invariant: a result has every category, in all of its three members.

use serde_json::{Map, Value, json};

use super::{
    error::Refusal,
    node::{Fields, Node, read},
};
use crate::random::token;

const CATEGORIES: [&str; 13] = [
    "harassment",
    "harassment/threatening",
    "hate",
    "hate/threatening",
    "illicit",
    "illicit/violent",
    "self-harm",
    "self-harm/instructions",
    "self-harm/intent",
    "sexual",
    "sexual/minors",
    "violence",
    "violence/graphic",
];
const FLAGGED: &str = "harassment";
const MODELS: [&str; 4] = [
    "omni-moderation-2024-09-26",
    "omni-moderation-latest",
    "text-moderation-latest",
    "text-moderation-stable",
];

/// Answers `POST /moderations`.
pub(super) fn create(body: &[u8]) -> Result<Value, Refusal> {
    let value = read(body)?;
    let root = Node::root(&value).fields(&["input", "model"])?;
    let model = root.get("model").map_or(Ok("omni-moderation-latest"), |node| node.one_of(&MODELS))?;
    let results: Vec<_> = inputs(&root.required("input")?)?.iter().map(|text| result(text)).collect();
    Ok(json!({"id": token("modr-"), "model": model, "results": results}))
}

/// One text for each result.
fn inputs(input: &Node<'_>) -> Result<Vec<String>, Refusal> {
    if input.value.is_string() {
        return Ok(vec![input.string()?]);
    }
    if !input.value.is_array() {
        return Err(input.not("one of a string or an array"));
    }
    let elements = input.elements()?;
    let Some(first) = elements.first() else {
        let why = "empty array. Expected an array with minimum length 1, but got an empty array instead";
        return Err(Refusal::invalid(&input.path, "empty_array", why.to_owned()));
    };
    if first.value.is_string() {
        return elements.iter().map(|node| node.string()).collect();
    }
    // Parts of one input have one result together.
    let texts: Result<Vec<_>, _> = elements.iter().map(part).collect();
    Ok(vec![texts?.join("\n")])
}

fn part(node: &Node<'_>) -> Result<String, Refusal> {
    let all = Fields { map: node.map()?, path: node.path.clone() };
    match all.required("type")?.one_of(&["image_url", "text"])? {
        "text" => node.fields(&["type", "text"])?.required("text")?.string(),
        _ => {
            let image = node.fields(&["type", "image_url"])?.required("image_url")?.fields(&["url"])?;
            image.required("url")?.nonempty()?;
            Ok(String::new())
        }
    }
}

fn result(text: &str) -> Value {
    let flagged =
        text.to_lowercase().split(|char: char| !char.is_alphanumeric()).any(|word| word == "flagme");
    let each = |value: &dyn Fn(bool) -> Value| -> Map<_, _> {
        CATEGORIES.iter().map(|name| ((*name).to_owned(), value(flagged && *name == FLAGGED))).collect()
    };
    json!({
        "flagged": flagged,
        "categories": each(&|hit| json!(hit)),
        "category_scores": each(&|hit| json!(if hit { 0.97 } else { 0.00001 })),
        "category_applied_input_types": each(&|_| json!(["text"])),
    })
}
