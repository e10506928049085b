//! The Responses endpoint: what its schema refuses, and what a response holds.

use reqwest::Method;
use sandbox::{Output, Scripted};
use serde_json::{Map, Value, json};

use crate::harness::{Town, answer};

fn with(name: &str, value: Value) -> Value {
    let mut body = json!({"model": "gpt-5-mini", "input": "Hello"});
    body[name] = value;
    body
}

fn tool(parameters: Value) -> Value {
    with("tools", json!([{"type": "function", "name": "f", "strict": true, "parameters": parameters}]))
}

fn item(item: Value) -> Value {
    with("input", json!([item]))
}

fn object(properties: Value) -> Value {
    let names: Vec<_> = properties.as_object().unwrap().keys().cloned().collect();
    json!({"type": "object", "properties": properties, "required": names, "additionalProperties": false})
}

async fn all_refused(cases: Vec<(Value, &str, &str)>) {
    let town = Town::new().await;
    for (body, param, message) in cases {
        for stream in [false, true] {
            let mut body = body.clone();
            if stream && body.get("stream").is_none() {
                body["stream"] = json!(true);
            }
            let (status, refusal) = town.respond(&body).await;
            let error = &refusal["error"];
            assert_eq!(status, 400, "{body}: {refusal}");
            assert!(error["message"].as_str().unwrap().starts_with(message), "{body}: {error}");
            assert_eq!((&error["param"], &error["type"]), (&json!(param), &json!("invalid_request_error")));
        }
    }
}

#[tokio::test]
async fn settings_outside_the_schema_are_refused() {
    let many: Map<_, _> = (0..17).map(|n| (format!("k{n}"), json!("v"))).collect();
    all_refused(vec![
        (with("traits", json!({})), "traits", "Unknown parameter: 'traits'."),
        (with("max_tokens", json!(1)), "max_tokens", "Unknown parameter: 'max_tokens'."),
        (json!({"input": "x"}), "model", "Missing required parameter: 'model'."),
        (json!({"model": "m"}), "input", "One of \"input\" or"),
        (with("model", json!(1)), "model", "Invalid type for 'model'"),
        (with("store", json!("no")), "store", "Invalid type for 'store'"),
        (with("parallel_tool_calls", json!(1)), "parallel_tool_calls", "Invalid type for"),
        (with("stream", json!("yes")), "stream", "Invalid type for 'stream'"),
        (with("temperature", json!(2.1)), "temperature", "Invalid 'temperature': decimal above"),
        (with("temperature", json!(-1)), "temperature", "Invalid 'temperature': decimal below"),
        (with("top_p", json!("1")), "top_p", "Invalid type for 'top_p'"),
        (with("top_logprobs", json!(21)), "top_logprobs", "Invalid 'top_logprobs': integer above"),
        (with("top_logprobs", json!(null)), "top_logprobs", "Invalid type for 'top_logprobs'"),
        (
            with("max_output_tokens", json!(15)),
            "max_output_tokens",
            "Invalid 'max_output_tokens': integer below",
        ),
        (with("max_output_tokens", json!(20.5)), "max_output_tokens", "Invalid type for"),
        (
            with("truncation", json!("on")),
            "truncation",
            "Invalid value: 'on'. Supported values are: 'auto' and 'disabled'.",
        ),
        (with("truncation", json!("a b@c")), "truncation", "Invalid value. Supported values are:"),
        (with("service_tier", json!("slow")), "service_tier", "Invalid value: 'slow'."),
        (with("include", json!(["reasoning"])), "include[0]", "Invalid value: 'reasoning'."),
        (with("reasoning", json!({"effort": "huge"})), "reasoning.effort", "Invalid value: 'huge'."),
        (with("reasoning", json!({"budget": 1})), "reasoning.budget", "Unknown parameter"),
        (with("text", json!({"format": {"type": "xml"}})), "text.format.type", "Invalid value: 'xml'."),
        (with("text", json!({"verbosity": "no"})), "text.verbosity", "Invalid value: 'no'."),
        (
            with("text", json!({"format": {"type": "json_object"}})),
            "text.format.type",
            "Unsupported parameter",
        ),
        (with("metadata", json!({"k": 1})), "metadata.k", "Invalid type for 'metadata.k'"),
        (with("metadata", json!(many)), "metadata", "Invalid 'metadata': too many properties"),
        (
            with("metadata", json!({"k": "v".repeat(513)})),
            "metadata.k",
            "Invalid 'metadata.k': string too long",
        ),
        (
            with("safety_identifier", json!("x".repeat(65))),
            "safety_identifier",
            "Invalid 'safety_identifier'",
        ),
        (with("user", json!(null)), "user", "Invalid type for 'user'"),
        (with("background", json!(true)), "background", "Unsupported parameter: 'background'"),
        (with("conversation", json!("conv_1")), "conversation", "Unsupported parameter"),
        (
            with("previous_response_id", json!("resp_0")),
            "previous_response_id",
            "Previous response with id 'resp_0' not found.",
        ),
        (
            with("prompt_cache_options", json!({"ttl": "1h"})),
            "prompt_cache_options.ttl",
            "Invalid value: '1h'.",
        ),
    ])
    .await;
    let town = Town::new().await;
    let (status, refusal) = town.respond(&with("stream_options", json!({}))).await;
    assert_eq!((status.as_u16(), &refusal["error"]["param"]), (400, &json!("stream_options")));
}

#[tokio::test]
async fn functions_that_openai_would_not_take_are_refused() {
    let context = "Invalid schema for function 'f': In context=";
    let parameters = "tools[0].parameters";
    let string = json!({"type": "string"});
    let mut open = object(json!({"a": string}));
    open["additionalProperties"] = json!(true);
    let mut optional = object(json!({"a": string, "b": string}));
    optional["required"] = json!(["a"]);
    let mut extra = object(json!({"a": string}));
    extra["required"] = json!(["a", "z"]);
    let nested = object(json!({"a": {"type": "object", "properties": {}}}));
    let in_union = object(json!({"a": {"anyOf": [{"type": "null"}, {"type": "object"}]}}));
    let mut in_defs = object(json!({"a": {"$ref": "#/$defs/a"}}));
    in_defs["$defs"] = json!({"a": {"type": "string", "default": "x"}});
    let deep = (0..11).fold(string.clone(), |inner, _| object(json!({"a": inner})));
    let mut cases: Vec<(Value, &str, String)> = [
        (open, "(), 'additionalProperties' is required to be supplied and to be false."),
        (optional, "(), 'required' is required to be supplied and to be an array including every key in properties. Missing 'b'."),
        (extra, "(), 'required' is required to be supplied and to be an array including every key in properties. Extra required key 'z' supplied."),
        (nested, "('properties', 'a'), 'additionalProperties' is required"),
        (in_union, "('properties', 'a', 'anyOf', '1'), 'additionalProperties' is required"),
        (in_defs, "('$defs', 'a'), 'default' is not permitted."),
        (object(json!({"a": {"oneOf": [string]}})), "('properties', 'a'), 'oneOf' is not permitted."),
        (object(json!({"a": {"description": "x"}})), "('properties', 'a'), schema must have a 'type' key."),
        (object(json!({"a": {"type": ["array", "null"]}})), "('properties', 'a'), array schema missing items."),
        (object(json!({"a": {"type": "string", "format": "uri"}})), "('properties', 'a'), this format is not valid."),
        (deep, "('properties', 'a', 'properties', 'a'"),
    ]
    .into_iter()
    .map(|(schema, why)| (tool(schema), parameters, format!("{context}{why}")))
    .collect();
    cases.push((
        tool(json!({"type": "string"})),
        parameters,
        "Invalid schema for function 'f': schema must be a JSON Schema of 'type: \"object\"', got 'type: \"string\"'.".to_owned(),
    ));
    let whole = |tool: Value| with("tools", json!([tool]));
    for (body, param, message) in [
        (
            whole(json!({"type": "function", "strict": true, "parameters": null})),
            "tools[0].name",
            "Missing required parameter: 'tools[0].name'.",
        ),
        (
            whole(json!({"type": "function", "name": "f", "parameters": null})),
            "tools[0].strict",
            "Missing required parameter",
        ),
        (
            whole(json!({"type": "function", "name": "f", "strict": true})),
            "tools[0].parameters",
            "Missing required parameter",
        ),
        (
            whole(json!({"type": "function", "name": "a b", "strict": true, "parameters": null})),
            "tools[0].name",
            "Invalid 'tools[0].name': string does not match pattern.",
        ),
        (
            whole(json!({"type": "function", "function": {"name": "f"}})),
            "tools[0].function",
            "Unknown parameter",
        ),
        (whole(json!({"type": "magic"})), "tools[0].type", "Invalid value: 'magic'."),
        (whole(json!({"type": "web_search"})), "tools[0].type", "Unsupported parameter"),
        (with("tools", json!({})), "tools", "Invalid type for 'tools'"),
        (
            with("tool_choice", json!("must")),
            "tool_choice",
            "Invalid value: 'must'. Supported values are: 'none', 'auto', and 'required'.",
        ),
        (with("tool_choice", json!("required")), "tool_choice", "Tool choice 'required' must be specified"),
        (
            with("tool_choice", json!({"type": "function", "name": "g"})),
            "tool_choice",
            "Tool choice 'function' not found",
        ),
        (with("tool_choice", json!({"type": "mcp"})), "tool_choice.type", "Unsupported parameter"),
    ] {
        cases.push((body, param, message.to_owned()));
    }
    all_refused(
        cases.iter().map(|(body, param, message)| (body.clone(), *param, message.as_str())).collect(),
    )
    .await;
    let town = Town::new().await;
    let mut loose = tool(json!({"type": "object", "properties": {"a": {"type": "string"}}}));
    loose["tools"][0]["strict"] = json!(false);
    assert_eq!(town.respond(&loose).await.0, 200, "a function that is not strict may be open");
    let fine = object(
        json!({"a": {"type": ["string", "null"], "maxLength": 9}, "b": {"anyOf": [{"type": "null"}, {"$ref": "#/$defs/c"}]}}),
    );
    let mut fine = tool(fine);
    fine["tools"][0]["parameters"]["$defs"] =
        json!({"c": object(json!({"d": {"type": "array", "items": {"enum": ["x"]}}}))});
    assert_eq!(town.respond(&fine).await.0, 200);
}

#[tokio::test]
async fn items_outside_the_schema_and_lonely_calls_are_refused() {
    let text = |kind: &str| json!([{"type": kind, "text": "x"}]);
    let call = |id: &str| json!({"type": "function_call", "call_id": id, "name": "f", "arguments": "{}"});
    let output = |id: &str| json!({"type": "function_call_output", "call_id": id, "output": "1"});
    all_refused(vec![
        (with("input", json!(7)), "input", "Invalid type for 'input'"),
        (item(json!("x")), "input[0]", "Invalid type for 'input[0]'"),
        (item(json!({"type": "poem"})), "input[0].type", "Invalid value: 'poem'."),
        (item(json!({})), "input[0].type", "Missing required parameter"),
        (item(json!({"role": "robot", "content": "x"})), "input[0].role", "Invalid value: 'robot'. Supported values are: 'assistant', 'system', 'developer', and 'user'."),
        (item(json!({"role": "user"})), "input[0].content", "Missing required parameter: 'input[0].content'."),
        (item(json!({"role": "user", "content": 5})), "input[0].content", "Invalid type for"),
        (item(json!({"role": "user", "content": "x", "name": "n"})), "input[0].name", "Unknown parameter"),
        (item(json!({"role": "user", "content": text("text")})), "input[0].content[0].type", "Invalid value: 'text'."),
        (item(json!({"role": "user", "content": text("output_text")})), "input[0].content[0].type", "Invalid value"),
        (item(json!({"role": "assistant", "content": text("input_text")})), "input[0].content[0].type", "Invalid value: 'input_text'. Supported values are: 'output_text' and 'refusal'."),
        (item(json!({"type": "message", "role": "assistant", "content": text("output_text"), "id": "msg_1", "status": "completed"})), "input[0].content[0].annotations", "Missing required parameter"),
        (item(json!({"type": "message", "role": "assistant", "content": [], "id": "x1", "status": "completed"})), "input[0].id", "Invalid 'input[0].id': Expected an ID that begins with 'msg'."),
        (item(json!({"type": "message", "role": "assistant", "content": [], "id": "msg_1"})), "input[0].status", "Missing required parameter"),
        (item(json!({"type": "function_call", "call_id": "c", "name": "f", "arguments": {}})), "input[0].arguments", "Invalid type for"),
        (item(json!({"type": "function_call", "call_id": "c".repeat(65), "name": "f", "arguments": ""})), "input[0].call_id", "Invalid 'input[0].call_id': string too long"),
        (item(json!({"type": "function_call_output", "call_id": "c", "output": {}})), "input[0].output", "Invalid type for"),
        (item(json!({"type": "function_call_output", "output": ""})), "input[0].call_id", "Missing required parameter"),
        (item(json!({"type": "item_reference", "id": "msg_1"})), "input[0].type", "Unsupported parameter"),
        (item(json!({"type": "reasoning", "id": "rs_1"})), "input[0].summary", "Missing required parameter"),
        (item(output("call_7")), "input", "No tool call found for function call output with call_id call_7."),
        (item(call("call_8")), "input", "No tool output found for function call call_8."),
        (with("input", json!([call("a"), output("a"), call("b")])), "input", "No tool output found for function call b."),
        (item(json!({"role": "user", "content": "x".repeat(1_100_000)})), "input", "Your input exceeds the context window"),
        (with("input", json!("x".repeat(10_485_761))), "input", "Invalid 'input': string too long"),
    ])
    .await;
    let town = Town::new().await;
    let fine = json!([
        {"role": "developer", "content": "Be kind."},
        {"role": "user", "content": [{"type": "input_text", "text": "a"}, {"type": "input_image", "image_url": "https://example.com/a", "detail": "auto"}]},
        {"type": "reasoning", "id": "rs_1", "summary": [{"type": "summary_text", "text": "x"}], "encrypted_content": null},
        call("a"), output("a"),
        {"type": "message", "role": "assistant", "id": "msg_1", "status": "completed", "content": [{"type": "output_text", "text": "b", "annotations": [], "logprobs": []}]},
        {"role": "assistant", "content": "c"},
        {"role": "user", "content": "Hello"},
    ]);
    let (status, body) = town.respond(&with("input", fine)).await;
    assert_eq!(status, 200, "{body}");
}

#[tokio::test]
async fn a_response_has_every_member_and_repeats_the_request() {
    let town = Town::new().await;
    town.sandbox.script(vec![Scripted::Answer(vec![
        Output::words("One two."),
        Output::call("f", &json!({"a": 1})),
        Output::Refusal("No.".to_owned()),
    ])]);
    let mut body = with("instructions", json!("Be brief."));
    body["metadata"] = json!({"turn": "t1"});
    body["store"] = json!(false);
    body["temperature"] = json!(null);
    let (status, response) = town.respond(&body).await;
    assert_eq!((status.as_u16(), town.sandbox.unplayed()), (200, 0));
    for (name, value) in [
        ("object", json!("response")),
        ("status", json!("completed")),
        ("error", json!(null)),
        ("incomplete_details", json!(null)),
        ("instructions", json!("Be brief.")),
        ("metadata", json!({"turn": "t1"})),
        ("model", json!("gpt-5-mini")),
        ("parallel_tool_calls", json!(true)),
        ("store", json!(false)),
        ("temperature", json!(1.0)),
        ("tool_choice", json!("auto")),
        ("tools", json!([])),
        ("top_p", json!(1.0)),
    ] {
        assert_eq!(response[name], value, "{name}");
    }
    assert!(response["created_at"].is_i64() && response["completed_at"].is_i64());
    let output = response["output"].as_array().unwrap();
    let text = json!([{"type": "output_text", "text": "One two.", "annotations": [], "logprobs": []}]);
    assert_eq!((&output[0]["content"], &output[0]["role"]), (&text, &json!("assistant")));
    assert_eq!((&output[1]["name"], &output[1]["arguments"]), (&json!("f"), &json!("{\"a\":1}")));
    assert_eq!(output[2]["content"], json!([{"type": "refusal", "refusal": "No."}]));
    assert!(output.iter().all(|item| item["status"] == "completed"));
    assert!(output[1]["id"].as_str().unwrap().starts_with("fc_"));
    assert!(output[1]["call_id"].as_str().unwrap().starts_with("call_"));
    let usage = &response["usage"];
    let of = |name: &str| usage[name].as_i64().unwrap();
    assert!(of("input_tokens") > 0 && of("output_tokens") > 0);
    assert_eq!(of("total_tokens"), of("input_tokens") + of("output_tokens"));
    assert_eq!(usage["input_tokens_details"], json!({"cached_tokens": 0, "cache_write_tokens": 0}));
    assert_eq!(usage["output_tokens_details"], json!({"reasoning_tokens": 0}));
}

#[tokio::test]
async fn only_a_stored_response_is_found_again_even_after_a_restart() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("sandbox.db");
    let town = Town::at(&path).await;
    let (_, kept) = town.respond(&with("input", json!("I need a chatbot"))).await;
    let (_, lost) = town.respond(&with("store", json!(false))).await;
    let of = |response: &Value| format!("responses/{}", response["id"].as_str().unwrap());
    let again = Town::at(&path).await;
    let (status, found) = answer(again.openai(Method::GET, &of(&kept))).await;
    assert_eq!((status.as_u16(), &found), (200, &kept));
    let (status, refusal) = answer(again.openai(Method::GET, &of(&lost))).await;
    assert_eq!(status, 404);
    let id = lost["id"].as_str().unwrap();
    assert_eq!(refusal["error"]["message"], format!("Response with id '{id}' not found."));
    let mut next = with("previous_response_id", kept["id"].clone());
    next["input"] = json!("I am Ada, ada@example.com");
    next["tools"] = json!([{"type": "function", "name": "save_lead", "strict": true, "parameters": object(json!({"notes": {"type": "string"}}))}]);
    let (_, answered) = again.respond(&next).await;
    assert_eq!(answered["output"][0]["arguments"], "{\"notes\":\"I need a chatbot\"}");
    let (status, refusal) = answer(again.openai(Method::POST, &format!("{}/cancel", of(&kept)))).await;
    assert_eq!(
        (status.as_u16(), &refusal["error"]["message"]),
        (400, &json!("Cannot cancel a synchronous response."))
    );
    assert_eq!(answer(again.openai(Method::DELETE, &of(&kept))).await.0, 200);
    assert_eq!(answer(again.openai(Method::GET, &of(&kept))).await.0, 404);
    assert_eq!(answer(again.openai(Method::GET, "responses")).await.0, 405);
}

#[tokio::test]
async fn the_key_and_the_kind_of_body_are_checked() {
    let town = Town::new().await;
    let body = with("store", json!(false));
    let path = "/openai/v1/responses";
    for (request, status) in [
        (town.ask(Method::POST, path).json(&body), 401),
        (town.ask(Method::POST, path).bearer_auth("sk-other").json(&body), 401),
        (town.openai(Method::POST, "responses").header("content-type", "text/plain").body("{}"), 400),
        (town.openai(Method::POST, "responses").header("content-type", "application/json").body("{"), 400),
        (town.openai(Method::POST, "chat/completions").json(&body), 404),
    ] {
        let (answered, body) = answer(request).await;
        assert_eq!(answered, status, "{body}");
        assert!(body["error"]["message"].is_string(), "{body}");
    }
}
