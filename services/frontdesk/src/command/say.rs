//! Values of an answer in the words of people.
//!
//! The invariant: what is blank says nothing, and money is an amount.

use serde_json::Value;

use super::table;

/// A value in words; lists comma-separated, money as an amount.
pub(super) fn said(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        Value::Array(values) => values.iter().map(said).collect::<Vec<_>>().join(", "),
        Value::Object(members) => match (&members.get("minor"), &members.get("currency")) {
            (Some(minor), Some(Value::String(currency))) => {
                amount(minor, currency).unwrap_or_else(|| value.to_string())
            }
            _ => value.to_string(),
        },
        other => other.to_string(),
    }
}

/// The members of an object, a line each; what is blank is left out.
pub(super) fn described(object: &Value) -> String {
    let members = object.as_object().into_iter().flatten();
    let said = members.map(|(name, value)| (name.as_str(), said(value)));
    table::fields(said.filter(|(_, value)| !value.is_empty()))
}

/// Objects as lines of a table, with these members as its columns.
pub(super) fn listed<'a>(objects: impl IntoIterator<Item = &'a Value>, columns: &[&str]) -> String {
    let line = |object: &Value| columns.iter().map(|column| said(&object[*column])).collect();
    let rows: Vec<Vec<String>> = objects.into_iter().map(line).collect();
    table::rows(columns, &rows)
}

fn amount(minor: &Value, currency: &str) -> Option<String> {
    // A number of a struct is a float; every amount of money that there is fits into it.
    let minor = minor.as_i64().or_else(|| minor.as_f64().map(|minor| minor as i64))?;
    Some(domain::Money { minor, currency: currency.parse().ok()? }.to_string())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn values_read_as_people_say_them() {
        assert_eq!(said(&json!({"minor": 1050.0, "currency": "EUR"})), "10.50 EUR");
        assert_eq!(said(&json!(["a", "b"])), "a, b");
        assert_eq!(said(&json!({"a": 1})), r#"{"a":1}"#);
        let ann = json!({"contact_id": "con_1", "email": "", "tags": []});
        assert_eq!(described(&ann), "contact_id  con_1");
        assert_eq!(listed([&ann], &["contact_id", "email"]), "contact_id  email\ncon_1");
    }
}
