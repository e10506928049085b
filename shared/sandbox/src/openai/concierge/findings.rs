//! What the output of a function call says, whatever its exact shape.
//!
//! The invariant: nothing is reported that the output does not hold.

use serde_json::Value;

/// Characters of a passage that are quoted.
const QUOTED: usize = 400;
const TEXTS: [&str; 7] = ["text", "content", "excerpt", "passage", "snippet", "answer", "body"];

/// Why the call failed, if its output says that it did.
pub(super) fn failure(output: &str) -> Option<String> {
    let Ok(value) = serde_json::from_str::<Value>(output) else {
        let lower = output.trim_start().to_lowercase();
        return lower.starts_with("error").then(|| output.trim().to_owned());
    };
    let failed = value["is_error"] == true
        || value["ok"] == false
        || value["success"] == false
        || matches!(value["status"].as_str(), Some("error" | "failed"))
        || !matches!(value.get("error"), None | Some(Value::Null | Value::Bool(false)));
    let reasons = [&value["error"]["message"], &value["error"], &value["message"], &value["reason"]];
    let reason = || reasons.iter().find_map(|reason| reason.as_str()).unwrap_or("no reason was given");
    failed.then(|| reason().to_owned())
}

/// What a successful output says in a few words: its message, else its plain members.
pub(super) fn gist(output: &str) -> String {
    let Ok(value) = serde_json::from_str::<Value>(output) else { return shorten(output.trim()) };
    if let Some(message) = ["message", "summary", "text"].iter().find_map(|name| value[*name].as_str()) {
        return shorten(message);
    }
    let plain = |(name, value): (&String, &Value)| match value {
        Value::String(text) => Some(format!("{name} {text}")),
        Value::Bool(_) | Value::Number(_) => Some(format!("{name} {value}")),
        _ => None,
    };
    let members: Vec<_> = value.as_object().into_iter().flatten().filter_map(plain).collect();
    shorten(&members.join(", "))
}

/// The id under which an output says that something was kept: its first text with a prefix, as in `led_1`.
pub(super) fn reference(output: &str) -> Option<String> {
    let value: Value = serde_json::from_str(output).ok()?;
    let id = |value: &Value| {
        value.as_str().filter(|text| text.contains('_') && !text.contains(' ')).map(str::to_owned)
    };
    value.as_object()?.values().find_map(id)
}

/// The first passage of a search, with its source.
pub(super) fn passage(output: &str) -> Option<String> {
    let value: Value = serde_json::from_str(output).ok()?;
    let found = objects(&value).into_iter().find_map(|object| {
        let text = TEXTS.iter().find_map(|name| object.get(*name).and_then(Value::as_str))?;
        (!text.trim().is_empty()).then(|| (shorten(text.trim()), source(object)))
    });
    found.map(|(text, source)| match source {
        Some(source) => format!("{text} (source: {source})"),
        None => text,
    })
}

fn source(object: &Value) -> Option<String> {
    let of = |value: &Value| -> Option<String> {
        let parts = ["title", "file", "path", "heading", "url"];
        let parts: Vec<_> = parts.iter().filter_map(|name| value[*name].as_str()).collect();
        (!parts.is_empty()).then(|| parts.join(", "))
    };
    match &object["source"] {
        Value::String(source) => Some(source.clone()),
        Value::Object(_) => of(&object["source"]),
        _ => of(object),
    }
}

/// The offers of a catalogue, each with its price, and their source.
pub(super) fn offers(output: &str) -> Option<String> {
    let value: Value = serde_json::from_str(output).ok()?;
    let offer = |object: &Value| {
        let name = ["name", "title"].iter().find_map(|name| object[*name].as_str())?;
        let price = price(&object["price"]).or_else(|| price(object))?;
        let interval = object["interval"].as_str().map(|interval| format!(" per {interval}"));
        Some(format!("{name}: {price}{}", interval.unwrap_or_default()))
    };
    let offers: Vec<_> = objects(&value).into_iter().filter_map(offer).collect();
    let source = value["source"].as_str().unwrap_or("catalogue");
    (!offers.is_empty()).then(|| format!("Our offers: {} (source: {source}).", offers.join("; ")))
}

fn price(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Object(_) => {
            let minor = value["minor"].as_i64()?;
            let currency = value["currency"].as_str()?.to_uppercase();
            Some(format!("{}.{:02} {currency}", minor / 100, minor.rem_euclid(100)))
        }
        _ => None,
    }
}

/// All objects in arrays, at any depth.
fn objects(value: &Value) -> Vec<&Value> {
    match value {
        Value::Array(items) => items
            .iter()
            .flat_map(|item| item.is_object().then_some(item).into_iter().chain(objects(item)))
            .collect(),
        Value::Object(map) => map.values().flat_map(objects).collect(),
        _ => Vec::new(),
    }
}

fn shorten(text: &str) -> String {
    if text.chars().count() <= QUOTED {
        return text.to_owned();
    }
    let head: String = text.chars().take(QUOTED).collect();
    let end = head.rfind(char::is_whitespace).unwrap_or(head.len());
    format!("{}…", head[..end].trim_end())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failures_are_told_from_answers() {
        for (output, failed) in [
            (r#"{"error":"sheet is locked"}"#, Some("sheet is locked")),
            (r#"{"error":{"message":"no"}}"#, Some("no")),
            (r#"{"is_error":true,"message":"later"}"#, Some("later")),
            (r#"{"ok":false}"#, Some("no reason was given")),
            ("Error: gone", Some("Error: gone")),
            (r#"{"error":null,"lead_id":"lea_1"}"#, None),
            (r#"{"message":"saved"}"#, None),
            ("fine", None),
        ] {
            assert_eq!(failure(output).as_deref(), failed, "{output}");
        }
    }

    #[test]
    fn passages_and_offers_are_found_wherever_they_are() {
        let found =
            r#"{"results":[{"text":"We automate.","source":{"file":"services.md","heading":"What"}}]}"#;
        assert_eq!(passage(found).as_deref(), Some("We automate. (source: services.md, What)"));
        assert_eq!(
            passage(r#"[{"excerpt":"Yes","source":"faq.md"}]"#).as_deref(),
            Some("Yes (source: faq.md)")
        );
        assert_eq!(passage(r#"{"results":[]}"#), None);
        let catalogue = r#"{"offers":[{"name":"Audit","price":{"minor":49000,"currency":"eur"}},
            {"name":"Care","price":"€99","interval":"month"},{"name":"No price"}]}"#;
        let listed = "Our offers: Audit: 490.00 EUR; Care: €99 per month (source: catalogue).";
        assert_eq!(offers(catalogue).as_deref(), Some(listed));
        let sourced = r#"{"source":"offers of X","offers":[{"name":"Audit","price":"490.00 EUR a month"}]}"#;
        assert_eq!(
            offers(sourced).as_deref(),
            Some("Our offers: Audit: 490.00 EUR a month (source: offers of X).")
        );
        assert_eq!(offers(r#"{"offers":[]}"#), None);
    }

    #[test]
    fn a_reference_is_an_id_of_the_output() {
        assert_eq!(reference(r#"{"created":true,"lead_id":"lea_1"}"#).as_deref(), Some("lea_1"));
        assert_eq!(reference(r#"{"message":"a_b is saved"}"#), None);
    }

    #[test]
    fn a_gist_is_the_message_or_the_plain_members() {
        assert_eq!(gist(r#"{"message":"Saved for Ada"}"#), "Saved for Ada");
        assert_eq!(gist(r#"{"lead_id":"lea_1","created":true,"more":{}}"#), "created true, lead_id lea_1");
    }
}
