//! The items of an input: messages, function calls with their outputs, reasoning.
//!
//! The invariant: after [`check`] and [`pair`] every item has its required members, and every call its output.

use std::collections::HashSet;

use serde_json::Value;

use super::super::{
    error::Refusal,
    node::{Fields, Node},
};

/// Of an input, an output or a text, in characters.
pub(super) const LONGEST_TEXT: usize = 10_485_760;

const LONGEST_CALL_ID: usize = 64;
const STATUSES: [&str; 3] = ["in_progress", "completed", "incomplete"];
const TYPES: [&str; 30] = [
    "additional_tools",
    "apply_patch_call",
    "apply_patch_call_output",
    "code_interpreter_call",
    "compaction",
    "compaction_trigger",
    "computer_call",
    "computer_call_output",
    "custom_tool_call",
    "custom_tool_call_output",
    "file_search_call",
    "function_call",
    "function_call_output",
    "image_generation_call",
    "item_reference",
    "local_shell_call",
    "local_shell_call_output",
    "mcp_approval_request",
    "mcp_approval_response",
    "mcp_call",
    "mcp_list_tools",
    "message",
    "program",
    "program_output",
    "reasoning",
    "shell_call",
    "shell_call_output",
    "tool_search_call",
    "tool_search_output",
    "web_search_call",
];

/// Checks one item by itself.
pub(super) fn check(node: &Node<'_>) -> Result<(), Refusal> {
    let all = Fields { map: node.map()?, path: node.path.clone() };
    let kind = match all.given("type") {
        Some(kind) => kind.one_of(&TYPES)?,
        None if all.map.contains_key("role") => "message",
        None if all.map.contains_key("id") => "item_reference",
        None => return all.required("type").map(drop),
    };
    match kind {
        "message" => message(node, &all),
        "function_call" => call(node),
        "function_call_output" => output(node),
        "reasoning" => reasoning(node),
        _ => Err(Refusal::not_played(&format!("{}.type", node.path))),
    }
}

/// Checks that calls and outputs belong together.
pub(super) fn pair(items: &[Value]) -> Result<(), Refusal> {
    let ids = |kind: &str| -> Vec<&str> {
        let of_kind = items.iter().filter(|item| item["type"] == kind);
        of_kind.filter_map(|item| item["call_id"].as_str()).collect()
    };
    let (calls, outputs) = (ids("function_call"), ids("function_call_output"));
    let (called, answered): (HashSet<_>, HashSet<_>) =
        (calls.iter().copied().collect(), outputs.iter().copied().collect());
    if let Some(id) = outputs.iter().find(|id| !called.contains(**id)) {
        let message = format!("No tool call found for function call output with call_id {id}.");
        return Err(Refusal::plain("input", message));
    }
    match calls.iter().find(|id| !answered.contains(**id)) {
        Some(id) => Err(Refusal::plain("input", format!("No tool output found for function call {id}."))),
        None => Ok(()),
    }
}

fn message(node: &Node<'_>, all: &Fields<'_>) -> Result<(), Refusal> {
    let role = all.required("role")?.one_of(&["assistant", "system", "developer", "user"])?;
    let content = all.required("content")?;
    all.choice("phase", &["commentary", "final_answer"])?;
    if content.value.is_string() {
        content.short(LONGEST_TEXT)?;
        return node.fields(&["type", "role", "content", "phase"]).map(drop);
    }
    if !content.value.is_array() {
        return Err(content.not("one of an array of objects or string"));
    }
    let parts = content.elements()?;
    if role == "assistant" {
        let fields = node.fields(&["id", "type", "role", "content", "phase", "status"])?;
        parts.iter().try_for_each(said)?;
        fields.required("type")?;
        fields.required("status")?.one_of(&STATUSES)?;
        return id(&fields.required("id")?, "msg");
    }
    let fields = node.fields(&["type", "role", "content", "phase", "status"])?;
    fields.get("status").map(|node| node.one_of(&STATUSES)).transpose()?;
    parts.iter().try_for_each(given)
}

/// A part of what the model said.
fn said(node: &Node<'_>) -> Result<(), Refusal> {
    let all = Fields { map: node.map()?, path: node.path.clone() };
    if all.required("type")?.one_of(&["output_text", "refusal"])? == "refusal" {
        return node.fields(&["type", "refusal"])?.required("refusal")?.text().map(drop);
    }
    let part = node.fields(&["type", "text", "annotations", "logprobs"])?;
    part.required("text")?.short(LONGEST_TEXT)?;
    part.required("annotations")?.elements()?;
    part.required("logprobs")?.elements().map(drop)
}

/// A part of what the model is given.
fn given(node: &Node<'_>) -> Result<(), Refusal> {
    let all = Fields { map: node.map()?, path: node.path.clone() };
    match all.required("type")?.one_of(&["input_text", "input_image", "input_file"])? {
        "input_text" => {
            let part = node.fields(&["type", "text", "prompt_cache_breakpoint"])?;
            part.required("text")?.short(LONGEST_TEXT).map(drop)
        }
        "input_image" => {
            let part = node.fields(&["type", "image_url", "file_id", "detail", "prompt_cache_breakpoint"])?;
            part.required("detail")?.one_of(&["low", "high", "auto", "original"])?;
            part.text("image_url")?;
            part.text("file_id").map(drop)
        }
        _ => {
            let names = ["file_id", "filename", "file_data", "file_url"];
            let known: Vec<_> =
                names.into_iter().chain(["type", "detail", "prompt_cache_breakpoint"]).collect();
            let part = node.fields(&known)?;
            part.choice("detail", &["auto", "low", "high"])?;
            names.iter().try_for_each(|name| part.text(name).map(drop))
        }
    }
}

fn call(node: &Node<'_>) -> Result<(), Refusal> {
    let call =
        node.fields(&["id", "type", "call_id", "caller", "namespace", "name", "arguments", "status"])?;
    call_id(&call.required("call_id")?)?;
    call.required("name")?.name(128)?;
    call.required("arguments")?.short(LONGEST_TEXT)?;
    call.get("status").map(|node| node.one_of(&STATUSES)).transpose()?;
    call.get("namespace").map(|node| node.text()).transpose()?;
    caller(&call)?;
    call.get("id").map_or(Ok(()), |node| id(&node, "fc"))
}

fn output(node: &Node<'_>) -> Result<(), Refusal> {
    let output =
        node.fields(&["id", "type", "call_id", "caller", "namespace", "name", "output", "status"])?;
    call_id(&output.required("call_id")?)?;
    output.choice("status", &STATUSES)?;
    output.text("id")?;
    output.given("name").map(|node| node.name(128)).transpose()?;
    output.given("namespace").map(|node| node.name(64)).transpose()?;
    caller(&output)?;
    let value = output.required("output")?;
    match value.value {
        Value::String(_) => value.short(LONGEST_TEXT).map(drop),
        Value::Array(_) => value.elements()?.iter().try_for_each(given),
        _ => Err(value.not("one of a string or an array of objects")),
    }
}

fn reasoning(node: &Node<'_>) -> Result<(), Refusal> {
    let item = node.fields(&["type", "id", "encrypted_content", "summary", "content", "status"])?;
    id(&item.required("id")?, "rs")?;
    item.text("encrypted_content")?;
    item.get("status").map(|node| node.one_of(&STATUSES)).transpose()?;
    let texts = |node: &Node<'_>, kind: &str| {
        node.elements()?.iter().try_for_each(|node| {
            let part = node.fields(&["type", "text"])?;
            part.required("type")?.one_of(&[kind])?;
            part.required("text")?.text().map(drop)
        })
    };
    texts(&item.required("summary")?, "summary_text")?;
    item.get("content").map_or(Ok(()), |node| texts(&node, "reasoning_text"))
}

fn caller(fields: &Fields<'_>) -> Result<(), Refusal> {
    let Some(caller) = fields.given("caller") else { return Ok(()) };
    let caller = caller.fields(&["type", "caller_id"])?;
    match caller.required("type")?.one_of(&["direct", "program"])? {
        "direct" => Ok(()),
        _ => Err(Refusal::not_played(&format!("{}.type", caller.path))),
    }
}

fn call_id(node: &Node<'_>) -> Result<(), Refusal> {
    node.nonempty()?;
    node.short(LONGEST_CALL_ID).map(drop)
}

/// OpenAI's ids tell what they are of.
fn id(node: &Node<'_>, prefix: &str) -> Result<(), Refusal> {
    if node.text()?.starts_with(prefix) {
        return Ok(());
    }
    let why = format!("Expected an ID that begins with '{prefix}'");
    Err(Refusal::invalid(&node.path, "invalid_value", why))
}
