//! The functions that a request offers, and which of them `tool_choice` leaves.
//!
//! The invariant: an [`Offered`] function has a name, and a strict one a schema that OpenAI takes.

use serde_json::Value;

use super::{
    super::{
        error::Refusal,
        node::{Fields, Node},
    },
    strict,
};

const MOST_TOOLS: usize = 128;
const LONGEST_NAME: usize = 128;
const TYPES: [&str; 18] = [
    "apply_patch",
    "code_interpreter",
    "computer",
    "computer_use_preview",
    "custom",
    "file_search",
    "function",
    "image_generation",
    "local_shell",
    "mcp",
    "namespace",
    "programmatic_tool_calling",
    "shell",
    "tool_search",
    "web_search",
    "web_search_2025_08_26",
    "web_search_preview",
    "web_search_preview_2025_03_11",
];
const CHOICES: [&str; 15] = [
    "allowed_tools",
    "apply_patch",
    "code_interpreter",
    "computer",
    "computer_use",
    "computer_use_preview",
    "custom",
    "file_search",
    "function",
    "image_generation",
    "mcp",
    "programmatic_tool_calling",
    "shell",
    "web_search_preview",
    "web_search_preview_2025_03_11",
];

/// A function that the model may call.
#[derive(Clone, Debug)]
pub(crate) struct Offered {
    pub(crate) name: String,
    /// JSON Schema of the arguments; null when there are none.
    pub(crate) parameters: Value,
}

pub(super) fn offered(root: &Fields<'_>) -> Result<Vec<Offered>, Refusal> {
    let Some(node) = root.get("tools") else { return Ok(Vec::new()) };
    let tools = node.elements()?;
    if tools.len() > MOST_TOOLS {
        let why = format!(
            "array too long. Expected an array with maximum length {MOST_TOOLS}, but got an array with length {} instead",
            tools.len()
        );
        return Err(Refusal::invalid("tools", "array_above_max_length", why));
    }
    tools.iter().map(function).collect()
}

fn function(node: &Node<'_>) -> Result<Offered, Refusal> {
    let all = Fields { map: node.map()?, path: node.path.clone() };
    let kind = all.required("type")?;
    if kind.one_of(&TYPES)? != "function" {
        return Err(Refusal::not_played(&kind.path));
    }
    let tool = node.fields(&[
        "allowed_callers",
        "defer_loading",
        "description",
        "name",
        "output_schema",
        "parameters",
        "strict",
        "type",
    ])?;
    let name = tool.required("name")?.name(LONGEST_NAME)?;
    tool.text("description")?;
    tool.get("defer_loading").map(|node| node.boolean()).transpose()?;
    if let Some(callers) = tool.given("allowed_callers") {
        callers.elements()?.iter().try_for_each(|node| node.one_of(&["direct", "programmatic"]).map(drop))?;
    }
    tool.given("output_schema").map(|node| node.map()).transpose()?;
    tool.required("strict")?;
    let strict = tool.flag("strict")?.unwrap_or(true);
    let parameters = tool.required("parameters")?;
    if !parameters.value.is_null() {
        parameters.map()?;
        if strict {
            strict::check(name, &parameters)?;
        }
    }
    Ok(Offered { name: name.to_owned(), parameters: parameters.value.clone() })
}

/// The functions that `tool_choice` leaves, and whether one of them must be called.
pub(super) fn chosen(root: &Fields<'_>, tools: Vec<Offered>) -> Result<(Vec<Offered>, bool), Refusal> {
    let Some(node) = root.get("tool_choice") else { return Ok((tools, false)) };
    if node.value.is_string() {
        return match node.one_of(&["none", "auto", "required"])? {
            "none" => Ok((Vec::new(), false)),
            "required" if tools.is_empty() => {
                let message = "Tool choice 'required' must be specified with 'tools' parameter.";
                Err(Refusal::plain("tool_choice", message.to_owned()))
            }
            choice => Ok((tools, choice == "required")),
        };
    }
    let all = Fields { map: node.map()?, path: node.path.clone() };
    let kind = all.required("type")?;
    match kind.one_of(&CHOICES)? {
        "function" => {
            let choice = node.fields(&["type", "name"])?;
            Ok((vec![find(&tools, choice.required("name")?.text()?)?], true))
        }
        "allowed_tools" => {
            let choice = node.fields(&["type", "mode", "tools"])?;
            let forced = choice.required("mode")?.one_of(&["auto", "required"])? == "required";
            let allowed = choice.required("tools")?.elements()?;
            let allowed = allowed.iter().map(|node| {
                let tool = node.fields(&["type", "name"])?;
                tool.required("type")?.one_of(&["function"])?;
                find(&tools, tool.required("name")?.text()?)
            });
            Ok((allowed.collect::<Result<_, _>>()?, forced))
        }
        _ => Err(Refusal::not_played(&kind.path)),
    }
}

fn find(tools: &[Offered], name: &str) -> Result<Offered, Refusal> {
    let missing = || {
        let message = "Tool choice 'function' not found in 'tools' parameter.";
        Refusal::plain("tool_choice", message.to_owned())
    };
    tools.iter().find(|tool| tool.name == name).cloned().ok_or_else(missing)
}
