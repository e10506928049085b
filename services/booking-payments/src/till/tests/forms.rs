//! What a link was asked for with, as the model of Stripe reads it.

use std::collections::BTreeMap;

use serde_json::{Value, json};

/// What the agency is to find at Stripe beside a link's money, which copies nothing of it by itself: whose it is, and for
/// a meeting which slot. The link ends before the meeting begins.
pub(super) fn is_sound(form: &BTreeMap<String, String>, metadata: &Value) {
    let of = if form["mode"] == "subscription" { "subscription_data" } else { "payment_intent_data" };
    assert_eq!(*metadata, below(form, &format!("{of}[metadata]")), "it is repeated on the money");
    assert_eq!(metadata["checkout"], form["client_reference_id"]);
    for name in ["visitor", "session"] {
        assert!(metadata[name].as_str().is_some_and(|value| !value.is_empty()), "{name}");
    }
    assert_eq!(metadata["event_type"].is_string(), metadata["start"].is_string(), "a slot is both");
    if let Some(start) = metadata["start"].as_str() {
        let start: jiff::Timestamp = start.parse().unwrap();
        assert!(
            form["expires_at"].parse::<i64>().unwrap() <= start.as_second(),
            "nobody comes too late to pay"
        );
    }
}

/// The form that a link was made of.
pub(super) fn form_of(session: &Value) -> BTreeMap<String, String> {
    serde_json::from_value(session["form"].clone()).unwrap()
}

/// The map below a name of a form.
pub(super) fn below(form: &BTreeMap<String, String>, name: &str) -> Value {
    let key = |field: &str| field.strip_prefix(name)?.strip_prefix('[')?.strip_suffix(']').map(str::to_owned);
    form.iter().filter_map(|(field, value)| Some((key(field)?, json!(value)))).collect()
}
