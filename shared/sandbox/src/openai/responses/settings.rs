//! The members of `CreateResponse` that are neither input nor tools.
//!
//! The invariant: every member has the type and the range that the schema gives it, whether it is played or not.

use super::super::{
    error::Refusal,
    node::{Fields, join},
};

const MOST_METADATA: usize = 16;
const INCLUDABLE: [&str; 8] = [
    "file_search_call.results",
    "web_search_call.results",
    "web_search_call.action.sources",
    "message.input_image.image_url",
    "computer_call_output.output.image_url",
    "code_interpreter_call.outputs",
    "reasoning.encrypted_content",
    "message.output_text.logprobs",
];
const TIERS: [&str; 7] = ["auto", "default", "flex", "scale", "priority", "fast", "ultrafast"];
const EFFORTS: [&str; 7] = ["none", "minimal", "low", "medium", "high", "xhigh", "max"];
const SUMMARIES: [&str; 3] = ["auto", "concise", "detailed"];
const VERBOSITIES: [&str; 3] = ["low", "medium", "high"];

pub(super) fn check(root: &Fields<'_>) -> Result<(), Refusal> {
    root.required("model")?.nonempty()?;
    for name in ["instructions", "previous_response_id", "prompt_cache_key"] {
        root.text(name)?;
    }
    for name in ["store", "parallel_tool_calls", "stream"] {
        root.flag(name)?;
    }
    root.get("user").map(|node| node.text()).transpose()?;
    root.given("safety_identifier").map(|node| node.short(64)).transpose()?;
    root.given("temperature").map(|node| node.decimal(2.0)).transpose()?;
    root.given("top_p").map(|node| node.decimal(1.0)).transpose()?;
    root.get("top_logprobs").map(|node| node.integer(0..=20)).transpose()?;
    root.given("max_tool_calls").map(|node| node.integer(1..=i64::MAX)).transpose()?;
    root.choice("truncation", &["auto", "disabled"])?;
    root.choice("service_tier", &TIERS)?;
    root.choice("prompt_cache_retention", &["in_memory", "24h"])?;
    metadata(root)?;
    include(root)?;
    reasoning(root)?;
    text(root)?;
    if let Some(options) = root.object("prompt_cache_options", &["ttl", "mode"])? {
        options.get("ttl").map(|node| node.one_of(&["30m"])).transpose()?;
        options.get("mode").map(|node| node.one_of(&["implicit", "explicit"])).transpose()?;
    }
    unplayed(root)
}

/// What the schema knows and the stand-in does not do, so that nobody takes silence for success.
fn unplayed(root: &Fields<'_>) -> Result<(), Refusal> {
    if root.flag("background")? == Some(true) {
        return Err(Refusal::not_played("background"));
    }
    for name in ["context_management", "conversation", "moderation", "prompt"] {
        if root.given(name).is_some() {
            return Err(Refusal::not_played(name));
        }
    }
    Ok(())
}

fn metadata(root: &Fields<'_>) -> Result<(), Refusal> {
    let Some(node) = root.given("metadata") else { return Ok(()) };
    let map = node.map()?;
    if map.len() > MOST_METADATA {
        let why = format!(
            "too many properties. Expected an object with at most {MOST_METADATA} properties, but got an object with {} properties instead",
            map.len()
        );
        return Err(Refusal::invalid(&node.path, "object_above_max_properties", why));
    }
    let fields = Fields { map, path: node.path };
    for name in map.keys() {
        if name.chars().count() > 64 {
            let why = "string too long. Expected a string with maximum length 64".to_owned();
            return Err(Refusal::invalid(&fields.path, "string_above_max_length", why));
        }
        fields.required(name)?.short(512)?;
    }
    Ok(())
}

fn include(root: &Fields<'_>) -> Result<(), Refusal> {
    let Some(node) = root.given("include") else { return Ok(()) };
    node.elements()?.iter().try_for_each(|node| node.one_of(&INCLUDABLE).map(drop))
}

fn reasoning(root: &Fields<'_>) -> Result<(), Refusal> {
    let Some(node) = root.given("reasoning") else { return Ok(()) };
    let fields = node.fields(&["mode", "effort", "summary", "context", "generate_summary"])?;
    fields.get("mode").map(|node| node.text()).transpose()?;
    fields.choice("effort", &EFFORTS)?;
    fields.choice("summary", &SUMMARIES)?;
    fields.choice("generate_summary", &SUMMARIES)?;
    fields.choice("context", &["auto", "current_turn", "all_turns"])?;
    Ok(())
}

fn text(root: &Fields<'_>) -> Result<(), Refusal> {
    let Some(text) = root.object("text", &["format", "verbosity"])? else { return Ok(()) };
    text.choice("verbosity", &VERBOSITIES)?;
    let Some(format) = text.get("format") else { return Ok(()) };
    let fields = format.fields(&["type", "name", "description", "schema", "strict"])?;
    match fields.required("type")?.one_of(&["json_object", "json_schema", "text"])? {
        "text" => format.fields(&["type"]).map(drop),
        _ => Err(Refusal::not_played(&join(&format.path, "type"))),
    }
}
