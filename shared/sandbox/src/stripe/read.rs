//! Reading: one object, or a page of a list, the newest first, with what is to be expanded.
//!
//! The invariant: a page never holds what its filters do not name, and a filter that Stripe has not is refused.

use axum::http::StatusCode;
use serde_json::{Value, json};

use super::{
    error::Refusal,
    form::{Form, Taken},
    shelf::{Desk, text},
};

/// Filters of a list: the parameter, with a dot where it nests, and where the object has it.
type Filters = &'static [(&'static str, &'static str)];

/// A resource that is read: its path, the name of its objects, its filters.
pub(super) struct Resource {
    pub(super) path: &'static str,
    pub(super) kind: &'static str,
    filters: Filters,
    not_played: &'static [&'static str],
}

const fn resource(path: &'static str, kind: &'static str, filters: Filters) -> Resource {
    Resource { path, kind, filters, not_played: &["ending_before"] }
}

/// What can be read, by the documentation of each list.
pub(super) const RESOURCES: [Resource; 13] = [
    resource(
        "checkout/sessions",
        "checkout.session",
        &[
            ("customer", "/customer"),
            ("customer_details.email", "/customer_details/email"),
            ("payment_intent", "/payment_intent"),
            ("status", "/status"),
            ("subscription", "/subscription"),
        ],
    ),
    resource("payment_intents", "payment_intent", &[("customer", "/customer")]),
    resource("charges", "charge", &[("customer", "/customer"), ("payment_intent", "/payment_intent")]),
    resource("refunds", "refund", &[("charge", "/charge"), ("payment_intent", "/payment_intent")]),
    resource("disputes", "dispute", &[("charge", "/charge"), ("payment_intent", "/payment_intent")]),
    resource(
        "invoices",
        "invoice",
        &[
            ("collection_method", "/collection_method"),
            ("customer", "/customer"),
            ("status", "/status"),
            ("subscription", "/parent/subscription_details/subscription"),
        ],
    ),
    resource(
        "invoice_payments",
        "invoice_payment",
        &[
            ("invoice", "/invoice"),
            ("payment.type", "/payment/type"),
            ("payment.payment_intent", "/payment/payment_intent"),
            ("status", "/status"),
        ],
    ),
    resource(
        "subscriptions",
        "subscription",
        &[
            ("collection_method", "/collection_method"),
            ("customer", "/customer"),
            ("price", "/items/data/0/price/id"),
        ],
    ),
    resource(
        "prices",
        "price",
        &[("active", "/active"), ("currency", "/currency"), ("product", "/product"), ("type", "/type")],
    ),
    resource("products", "product", &[("active", "/active")]),
    resource("customers", "customer", &[("email", "/email")]),
    resource("events", "event", &[]),
    resource("payment_methods", "payment_method", &[("customer", "/customer"), ("type", "/type")]),
];

/// One object.
pub(super) fn one(desk: &Desk<'_>, kind: &str, id: &str, form: Form) -> Taken<Value> {
    form.end(&[])?;
    desk.get(kind, id)
}

/// A page of a list.
pub(super) fn page(desk: &Desk<'_>, resource: &Resource, mut form: Form) -> Taken<Value> {
    let limit = limit(&mut form)?;
    let start = form.text("starting_after", 5000)?;
    let created = created(&mut form)?;
    let mut objects = desk.all(resource.kind)?;
    objects.retain(|object| {
        created.iter().all(|(holds, at)| holds(object["created"].as_i64().unwrap_or(0), *at))
    });
    match resource.kind {
        "event" => keep_types(&mut form, &mut objects)?,
        "subscription" => keep_status(&mut form, &mut objects)?,
        "invoice_payment" if form.has("payment") => {
            let mut payment = form.clone().form("payment")?.ok_or_else(|| Refusal::missing("payment"))?;
            payment.required("type", 50)?;
        }
        _ => {}
    }
    for (name, pointer) in resource.filters {
        if let Some(wanted) = filter(&mut form, name)? {
            objects.retain(|object| match object.pointer(pointer) {
                Some(Value::String(text)) => *text == wanted,
                Some(Value::Bool(flag)) => flag.to_string() == wanted,
                _ => false,
            });
        }
    }
    form.end(resource.not_played)?;
    if let Some(start) = start {
        desk.named(resource.kind, &start, "starting_after", StatusCode::BAD_REQUEST)?;
        let at = objects.iter().position(|object| object["id"] == start);
        objects.drain(..at.map_or(objects.len(), |at| at + 1));
    }
    let more = objects.len() > limit;
    objects.truncate(limit);
    Ok(json!({"object": "list", "data": objects, "has_more": more, "url": format!("/v1/{}", resource.path)}))
}

fn limit(form: &mut Form) -> Taken<usize> {
    let limit = form.integer("limit")?.unwrap_or(10);
    let limit = usize::try_from(limit).ok().filter(|limit| (1..=100).contains(limit));
    limit.ok_or_else(|| {
        let message = "This value must be greater than or equal to 1 and less than or equal to 100.";
        Refusal::new(message).code("parameter_invalid_integer").param("limit")
    })
}

type Holds = fn(i64, i64) -> bool;

/// `created`, as a time or as bounds.
fn created(form: &mut Form) -> Taken<Vec<(Holds, i64)>> {
    let Ok(Some(mut bounds)) = form.clone().form("created") else {
        let exact = form.integer("created")?;
        return Ok(exact.map(|at| ((|a, b| a == b) as Holds, at)).into_iter().collect());
    };
    form.form("created")?;
    let mut found = Vec::new();
    let kinds: [(&str, Holds); 4] =
        [("gt", |a, b| a > b), ("gte", |a, b| a >= b), ("lt", |a, b| a < b), ("lte", |a, b| a <= b)];
    for (name, holds) in kinds {
        found.extend(bounds.integer(name)?.map(|at| (holds, at)));
    }
    bounds.end(&[])?;
    Ok(found)
}

fn keep_types(form: &mut Form, objects: &mut Vec<Value>) -> Taken<()> {
    let types = form.texts("types")?;
    let one = form.text("type", 5000)?;
    if !types.is_empty() && one.is_some() {
        let message = "You may only specify one of these parameters: type, types.";
        return Err(Refusal::new(message).param("types"));
    }
    if types.len() > 20 {
        return Err(Refusal::new("You may specify at most 20 types.").param("types"));
    }
    if !types.is_empty() {
        objects.retain(|event| types.iter().any(|kind| event["type"] == *kind));
    }
    if let Some(one) = one {
        let group = one.strip_suffix('*');
        objects.retain(|event| match group {
            Some(group) => text(event, "type").starts_with(group),
            None => event["type"] == one,
        });
    }
    form.boolean("delivery_success").map(drop)
}

/// Without a status a list of subscriptions is without those that ended.
fn keep_status(form: &mut Form, objects: &mut Vec<Value>) -> Taken<()> {
    let all = [
        "active",
        "all",
        "canceled",
        "ended",
        "incomplete",
        "incomplete_expired",
        "past_due",
        "paused",
        "trialing",
        "unpaid",
    ];
    match form.one_of("status", &all)? {
        None => objects.retain(|subscription| subscription["status"] != "canceled"),
        Some("all") => {}
        Some("ended") => objects.retain(|subscription| subscription["status"] == "canceled"),
        Some(status) => objects.retain(|subscription| subscription["status"] == status),
    }
    Ok(())
}

/// The value of a filter; a dot is a level of the form.
fn filter(form: &mut Form, name: &str) -> Taken<Option<String>> {
    let Some((outer, inner)) = name.split_once('.') else { return form.text(name, 5000) };
    form.text_within(outer, inner)
}
