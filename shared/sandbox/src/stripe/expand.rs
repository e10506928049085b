//! `expand[]`: ids in an answer that become the objects they name (docs.stripe.com/expand).
//!
//! The invariant: only fields that Stripe expands are expanded, at most four deep; any other is refused.

use serde_json::{Value, json};

use super::{
    error::Refusal,
    form::Taken,
    shelf::{Desk, text},
};

const DEEPEST: usize = 4;
/// Fields that hold an id.
const FIELDS: [&str; 13] = [
    "balance_transaction",
    "charge",
    "customer",
    "default_payment_method",
    "default_price",
    "invoice",
    "latest_charge",
    "latest_invoice",
    "payment_intent",
    "payment_method",
    "product",
    "source",
    "subscription",
];

/// Expands these paths in an answer.
pub(super) fn apply(desk: &Desk<'_>, answer: &mut Value, paths: &[String]) -> Taken<()> {
    for path in paths {
        let steps: Vec<&str> = path.split('.').collect();
        if steps.len() > DEEPEST {
            let message = "You cannot expand more than 4 levels of a property.";
            return Err(Refusal::new(message).param("expand"));
        }
        walk(desk, answer, &steps, path)?;
    }
    Ok(())
}

fn walk(desk: &Desk<'_>, value: &mut Value, steps: &[&str], path: &str) -> Taken<()> {
    let [step, rest @ ..] = steps else { return Ok(()) };
    if let Value::Array(entries) = value {
        return entries.iter_mut().try_for_each(|entry| walk(desk, entry, steps, path));
    }
    if value.is_null() {
        return Ok(());
    }
    let refused = || {
        let message = format!("This property cannot be expanded ({path}).");
        Refusal::new(message).param("expand")
    };
    if value.get(*step).is_none()
        && let Some(list) = hidden(desk, value, step)?
    {
        value[*step] = list;
        return walk(desk, &mut value[*step], rest, path);
    }
    let field = value.get_mut(*step).ok_or_else(refused)?;
    if let Value::String(id) = field {
        let found = desk.find(id)?.filter(|_| FIELDS.contains(step)).ok_or_else(refused)?;
        *field = found.0;
    } else if rest.is_empty() && !FIELDS.contains(step) {
        return Err(refused());
    }
    walk(desk, field, rest, path)
}

/// A list that an object has only when it is expanded.
fn hidden(desk: &Desk<'_>, object: &Value, field: &str) -> Taken<Option<Value>> {
    let (id, kind) = (text(object, "id"), text(object, "object"));
    let (entries, url) = match (kind, field) {
        ("checkout.session", "line_items") => {
            (line_items(desk, id)?, format!("/v1/checkout/sessions/{id}/line_items"))
        }
        ("charge", "refunds") => (of(desk, "refund", "charge", id)?, format!("/v1/charges/{id}/refunds")),
        ("invoice", "payments") => {
            (of(desk, "invoice_payment", "invoice", id)?, format!("/v1/invoice_payments?invoice={id}"))
        }
        _ => return Ok(None),
    };
    Ok(Some(json!({"object": "list", "data": entries, "has_more": false, "url": url})))
}

/// The line items of a session.
pub(super) fn line_items(desk: &Desk<'_>, session: &str) -> Taken<Value> {
    Ok(desk.find(session)?.map(|(_, inner)| inner["line_items"].clone()).unwrap_or_default())
}

fn of(desk: &Desk<'_>, kind: &str, field: &str, id: &str) -> Taken<Value> {
    let all = desk.all(kind)?;
    Ok(all.into_iter().filter(|object| object[field] == id).collect())
}
