//! The body of `POST /responses`, checked as the schema `CreateResponse` has it.
//!
//! The invariant: [`parse`] returns an [`Order`] only for a body that the schema accepts and the stand-in can play.

use serde_json::{Value, json};

use super::{
    super::{
        error::Refusal,
        node::{Fields, Node, read},
    },
    items, settings,
    tools::{self, Offered},
};

const KNOWN: [&str; 30] = [
    "background",
    "context_management",
    "conversation",
    "include",
    "input",
    "instructions",
    "max_output_tokens",
    "max_tool_calls",
    "metadata",
    "model",
    "moderation",
    "parallel_tool_calls",
    "previous_response_id",
    "prompt",
    "prompt_cache_key",
    "prompt_cache_options",
    "prompt_cache_retention",
    "reasoning",
    "safety_identifier",
    "service_tier",
    "store",
    "stream",
    "stream_options",
    "temperature",
    "text",
    "tool_choice",
    "tools",
    "top_logprobs",
    "top_p",
    "truncation",
];
/// Deprecated, and still valid.
const USER: &str = "user";

/// What a valid body asks for, its defaults filled in.
#[derive(Debug)]
pub(super) struct Order {
    pub(super) stream: bool,
    pub(super) obfuscation: bool,
    pub(super) store: bool,
    pub(super) parallel: bool,
    pub(super) previous: Option<String>,
    /// The input as items, whichever way it was given.
    pub(super) items: Vec<Value>,
    /// The functions that may be called now.
    pub(super) tools: Vec<Offered>,
    /// Whether one of them must be called.
    pub(super) forced: bool,
    pub(super) most_tokens: Option<i64>,
    /// Tokens of the instructions and the tools.
    pub(super) overhead: usize,
    /// What the response repeats of the body.
    pub(super) echo: Value,
}

pub(super) fn parse(body: &[u8]) -> Result<Order, Refusal> {
    let value = read(body)?;
    let known: Vec<_> = KNOWN.into_iter().chain([USER]).collect();
    let root = Node::root(&value).fields(&known)?;
    settings::check(&root)?;
    let offered = tools::offered(&root)?;
    let (tools, forced) = tools::chosen(&root, offered)?;
    let stream = root.flag("stream")?.unwrap_or(false);
    Ok(Order {
        stream,
        obfuscation: obfuscation(&root, stream)?,
        store: root.flag("store")?.unwrap_or(true),
        parallel: root.flag("parallel_tool_calls")?.unwrap_or(true),
        previous: root.text("previous_response_id")?.map(str::to_owned),
        items: input(&root)?,
        tools,
        forced,
        most_tokens: root.given("max_output_tokens").map(|node| node.integer(16..=i64::MAX)).transpose()?,
        overhead: ["instructions", "tools"]
            .iter()
            .filter_map(|name| root.map.get(*name))
            .map(|value| super::answer::tokens(&value.to_string()))
            .sum(),
        echo: echo(&root),
    })
}

fn obfuscation(root: &Fields<'_>, stream: bool) -> Result<bool, Refusal> {
    let Some(node) = root.given("stream_options") else { return Ok(true) };
    if !stream {
        let message = "The 'stream_options' parameter is only allowed when 'stream' is enabled.";
        return Err(Refusal::plain("stream_options", message.to_owned()));
    }
    let options = node.fields(&["include_obfuscation"])?;
    options.get("include_obfuscation").map_or(Ok(true), |node| node.boolean())
}

fn input(root: &Fields<'_>) -> Result<Vec<Value>, Refusal> {
    let Some(node) = root.get("input") else {
        if root.given("previous_response_id").is_some() {
            return Ok(Vec::new());
        }
        let message =
            "One of \"input\" or \"previous_response_id\" or 'prompt' or 'conversation_id' must be provided.";
        return Err(Refusal::about("input", "missing_required_parameter", message.to_owned()));
    };
    if let Value::String(_) = node.value {
        let text = node.short(items::LONGEST_TEXT)?;
        return Ok(vec![json!({"type": "message", "role": "user", "content": text})]);
    }
    if !node.value.is_array() {
        return Err(node.not("one of a string or an array of input items"));
    }
    let elements = node.elements()?;
    elements.iter().try_for_each(items::check)?;
    Ok(elements.into_iter().map(|node| node.value.clone()).collect())
}

/// The members of `Response` that come from the request, with OpenAI's defaults.
fn echo(root: &Fields<'_>) -> Value {
    let mut echo = json!({
        "background": false,
        "instructions": null,
        "max_output_tokens": null,
        "max_tool_calls": null,
        "metadata": {},
        "model": null,
        "parallel_tool_calls": true,
        "previous_response_id": null,
        "prompt_cache_key": null,
        "prompt_cache_retention": null,
        "reasoning": {"effort": null, "summary": null},
        "safety_identifier": null,
        "store": true,
        "temperature": 1.0,
        "text": {"format": {"type": "text"}, "verbosity": "medium"},
        "tool_choice": "auto",
        "tools": [],
        "top_logprobs": 0,
        "top_p": 1.0,
        "truncation": "disabled",
    });
    for (name, value) in echo.as_object_mut().into_iter().flatten() {
        if let Some(given) = root.given(name) {
            *value = given.value.clone();
        }
    }
    echo["service_tier"] = "default".into();
    if let Some(user) = root.get(USER) {
        echo[USER] = user.value.clone();
    }
    echo
}
