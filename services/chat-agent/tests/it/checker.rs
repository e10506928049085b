//! What every event must be: of a known type, with the members of that type, none of them null.

use serde_json::Value;

/// Panics unless `event` is one that the protocol knows.
pub(crate) fn check_event(event: &Value) {
    no_nulls(event);
    match text(event, "type") {
        "thread.created" | "thread.updated" => check_thread(&event["thread"]),
        "thread.item.added" | "thread.item.done" | "thread.item.replaced" => check_item(&event["item"]),
        "thread.item.removed" => drop(text(event, "item_id")),
        "thread.item.updated" => {
            text(event, "item_id");
            check_update(&event["update"]);
        }
        "stream_options" => assert!(event["stream_options"]["allow_cancel"].is_boolean(), "{event}"),
        "progress_update" => drop(text(event, "text")),
        "client_effect" => {
            text(event, "name");
            assert!(event["data"].is_object(), "{event}");
        }
        "notice" => {
            assert!(["info", "warning", "danger"].contains(&text(event, "level")), "{event}");
            text(event, "message");
        }
        "error" => {
            let code = text(event, "code");
            assert!(code == "stream.error" || (code == "custom" && event["message"].is_string()), "{event}");
            assert!(event["allow_retry"].is_boolean(), "{event}");
        }
        kind => panic!("an event of type {kind}"),
    }
}

/// Panics unless `thread` is a thread as it is sent.
pub(crate) fn check_thread(thread: &Value) {
    no_nulls(thread);
    members(
        thread,
        &["id", "created_at", "status", "metadata", "items"],
        &["title", "allowed_image_domains"],
    );
    assert!(text(thread, "id").starts_with("thr_"));
    time(thread);
    assert!(["active", "locked", "closed"].contains(&text(&thread["status"], "type")));
    assert_eq!(thread["metadata"], serde_json::json!({}), "what the server keeps is not sent");
    check_page(&thread["items"], check_item);
}

/// Panics unless `page` is a page of such things.
pub(crate) fn check_page(page: &Value, check: fn(&Value)) {
    members(page, &["data", "has_more"], &["after"]);
    assert_eq!(page["has_more"].as_bool().unwrap(), page.get("after").is_some(), "{page}");
    page["data"].as_array().unwrap().iter().for_each(check);
}

/// Panics unless `item` is one that may be sent.
pub(crate) fn check_item(item: &Value) {
    no_nulls(item);
    text(item, "id");
    assert!(text(item, "thread_id").starts_with("thr_"));
    time(item);
    let (required, optional): (&[&str], &[&str]) = match text(item, "type") {
        "user_message" => (&["content", "attachments", "inference_options"], &["quoted_text"]),
        "assistant_message" => (&["content"], &[]),
        "client_tool_call" => (&["status", "call_id", "name", "arguments"], &["output"]),
        "widget" => (&["widget"], &["copy_text"]),
        "structured_input" => (&["status", "inputs"], &[]),
        "task" => (&["task"], &[]),
        "workflow" => (&["workflow"], &[]),
        "end_of_turn" => (&[], &[]),
        kind => panic!("an item of type {kind} is sent"),
    };
    let head = ["id", "thread_id", "created_at", "type"];
    members(item, &[&head, required].concat(), optional);
    for part in item["content"].as_array().into_iter().flatten() {
        check_part(part);
    }
    for question in item["inputs"].as_array().into_iter().flatten() {
        match text(question, "type") {
            "multiple_choice" => {
                members(question, &["id", "question", "type", "options", "multiple"], &["answer"])
            }
            "freeform" => members(question, &["id", "question", "type"], &["answer", "description"]),
            kind => panic!("a question of type {kind}"),
        }
        if let Some(answer) = question.get("answer") {
            members(answer, &["values", "skipped"], &[]);
        }
    }
}

fn check_part(part: &Value) {
    match text(part, "type") {
        "input_text" => members(part, &["type", "text"], &[]),
        "input_tag" => members(part, &["type", "id", "text", "data", "interactive"], &["group"]),
        "output_text" => {
            members(part, &["type", "text", "annotations"], &[]);
            for annotation in part["annotations"].as_array().unwrap() {
                members(annotation, &["type", "source"], &["index"]);
                assert!(["url", "file", "entity"].contains(&text(&annotation["source"], "type")));
                text(&annotation["source"], "title");
            }
        }
        kind => panic!("a part of type {kind}"),
    }
}

fn check_update(update: &Value) {
    let index = |name: &str| assert!(update[name].is_u64(), "{update}");
    match text(update, "type") {
        "assistant_message.content_part.added" | "assistant_message.content_part.done" => {
            index("content_index");
            check_part(&update["content"]);
        }
        "assistant_message.content_part.text_delta" => {
            index("content_index");
            text(update, "delta");
        }
        "assistant_message.content_part.annotation_added" => {
            index("content_index");
            index("annotation_index");
        }
        "widget.root.updated" => assert!(update["widget"].is_object()),
        "widget.component.updated" => assert!(update["component"].is_object()),
        "widget.streaming_text.value_delta" => assert!(update["done"].is_boolean()),
        "workflow.task.added" | "workflow.task.updated" => index("task_index"),
        kind => panic!("an update of type {kind}"),
    }
}

fn members(object: &Value, required: &[&str], optional: &[&str]) {
    let names: Vec<_> = object.as_object().expect("an object").keys().map(String::as_str).collect();
    assert!(required.iter().all(|name| names.contains(name)), "{object} lacks one of {required:?}");
    let known = |name: &&str| required.contains(name) || optional.contains(name);
    assert!(names.iter().all(known), "{object} has more than {required:?} and {optional:?}");
}

fn text<'v>(object: &'v Value, name: &str) -> &'v str {
    object[name].as_str().unwrap_or_else(|| panic!("{name} is no string in {object}"))
}

fn time(object: &Value) {
    let time = text(object, "created_at");
    assert!(time.ends_with('Z') && time.parse::<jiff::Timestamp>().is_ok(), "{time}");
}

fn no_nulls(value: &Value) {
    match value {
        Value::Null => panic!("a null is sent"),
        Value::Array(values) => values.iter().for_each(no_nulls),
        Value::Object(members) => members.values().for_each(no_nulls),
        _ => {}
    }
}
