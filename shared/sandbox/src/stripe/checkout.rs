//! Making a Checkout Session: what Stripe asks of the parameters of `POST /v1/checkout/sessions`.
//!
//! The invariant: a session is made only from parameters that Stripe's version 2026-10-28 takes together.

use serde_json::{Map, Value, json};
use url::Url;

use super::{
    catalogue,
    error::Refusal,
    form::{Form, Taken},
    money,
    shelf::{Desk, new_id, shape, text},
};

const MODES: [&str; 3] = ["payment", "setup", "subscription"];
const SUBMIT_TYPES: [&str; 5] = ["auto", "book", "donate", "pay", "subscribe"];
const LOCALES: [&str; 12] = ["auto", "de", "en", "en-GB", "es", "fr", "it", "ja", "nl", "pl", "pt", "pt-BR"];
/// Seconds from creation.
const LIFE: std::ops::RangeInclusive<i64> = 30 * 60..=24 * 60 * 60;
/// Names that Stripe takes and the stand-in does not play.
const NOT_PLAYED: [&str; 27] = [
    "after_expiration",
    "automatic_tax",
    "branding_settings",
    "consent_collection",
    "currency",
    "custom_fields",
    "custom_text",
    "customer_account",
    "customer_update",
    "discounts",
    "excluded_payment_method_types",
    "integration_identifier",
    "managed_payments",
    "name_collection",
    "optional_items",
    "origin_context",
    "payment_method_configuration",
    "payment_method_data",
    "payment_method_options",
    "permissions",
    "redirect_on_completion",
    "saved_payment_method_options",
    "setup_intent_data",
    "shipping_address_collection",
    "shipping_options",
    "tax_id_collection",
    "wallet_options",
];

/// A session, and what Stripe keeps of it and does not show.
pub(super) fn create(desk: &Desk<'_>, mut form: Form, base: &str) -> Taken<Value> {
    if form.has("payment_method_types") {
        let message = "Received unknown parameter: payment_method_types. It was removed in 2026-09-30; payment methods are dynamic, and `allowed_payment_method_types` filters them.";
        return Err(Refusal::new(message).code("parameter_unknown").param("payment_method_types"));
    }
    let mode = form.one_of("mode", &MODES)?.ok_or_else(|| Refusal::missing("mode"))?;
    if mode == "setup" {
        return Err(Refusal::not_played("mode=setup"));
    }
    let (mut fields, mut inner) = (Map::new(), Map::new());
    places(&mut form, &mut fields)?;
    who(desk, &mut form, mode, &mut fields)?;
    let expires_at = expiry(desk.now, &mut form)?;
    fields.insert("metadata".to_owned(), metadata(&mut form)?);
    intent(&mut form, mode, &mut inner)?;
    options(&mut form, mode, &mut fields)?;
    let items = line_items(desk, &mut form, mode)?;
    form.end(&NOT_PLAYED)?;
    let (currency, total) = sum(&items)?;
    inner.insert("line_items".to_owned(), items.into());
    let id = new_id("cs_test");
    let mut session = shape(
        "checkout.session",
        id.clone(),
        json!({
            "mode": mode, "created": desk.now, "expires_at": expires_at, "status": "open",
            "payment_status": "unpaid", "currency": currency, "amount_total": total, "amount_subtotal": total,
            "url": format!("{base}/stripe/pay/{id}"),
        }),
    );
    super::shelf::set(&mut session, fields.into());
    desk.add(&session, &inner.into())?;
    Ok(session)
}

fn places(form: &mut Form, fields: &mut Map<String, Value>) -> Taken<()> {
    match form.text("ui_mode", 5000)?.as_deref() {
        None | Some("hosted_page") => {}
        Some("embedded_page" | "elements" | "form") => return Err(Refusal::not_played("ui_mode")),
        Some(_) => {
            let allowed = ["elements", "embedded_page", "form", "hosted_page"];
            return Err(Refusal::not_one_of("ui_mode", &allowed));
        }
    }
    if form.has("return_url") {
        let message = "You can not pass `return_url` when `ui_mode` is `hosted_page`.";
        return Err(Refusal::new(message).param("return_url"));
    }
    let success = address(form, "success_url")?.ok_or_else(|| Refusal::missing("success_url"))?;
    fields.insert("success_url".to_owned(), success.into());
    fields.insert("cancel_url".to_owned(), address(form, "cancel_url")?.into());
    Ok(())
}

fn address(form: &mut Form, field: &str) -> Taken<Option<String>> {
    let Some(text) = form.text(field, 5000)? else { return Ok(None) };
    let parsed = Url::parse(&text.replace("{CHECKOUT_SESSION_ID}", "x"));
    if !parsed.is_ok_and(|url| matches!(url.scheme(), "http" | "https") && url.has_host()) {
        return Err(Refusal::new("Not a valid URL").code("url_invalid").param(form.name(field)));
    }
    Ok(Some(text))
}

fn who(desk: &Desk<'_>, form: &mut Form, mode: &str, fields: &mut Map<String, Value>) -> Taken<()> {
    if form.has("customer") && form.has("customer_email") {
        let message = "You may only specify one of these parameters: customer, customer_email.";
        return Err(Refusal::new(message).param("customer"));
    }
    if let Some(customer) = form.text("customer", 5000)? {
        desk.named("customer", &customer, "customer", axum::http::StatusCode::BAD_REQUEST)?;
        fields.insert("customer".to_owned(), customer.into());
    }
    let email = form.text("customer_email", 800)?;
    if email.as_deref().is_some_and(|email| !is_email(email)) {
        let refusal = Refusal::new("Invalid email address").code("email_invalid");
        return Err(refusal.param("customer_email"));
    }
    fields.insert("customer_email".to_owned(), email.into());
    let creation = form.one_of("customer_creation", &["always", "if_required"])?;
    if creation.is_some() && mode != "payment" {
        let message = "`customer_creation` can only be used in `payment` mode.";
        return Err(Refusal::new(message).param("customer_creation"));
    }
    let known = fields.contains_key("customer");
    let creation = creation.or((mode == "payment" && !known).then_some("if_required"));
    fields.insert("customer_creation".to_owned(), creation.into());
    fields.insert("client_reference_id".to_owned(), form.text("client_reference_id", 200)?.into());
    Ok(())
}

/// Whether this could be an address.
pub(super) fn is_email(text: &str) -> bool {
    let parts = text.split_once('@');
    parts.is_some_and(|(name, host)| !name.is_empty() && host.contains('.') && !host.contains('@'))
        && !text.contains(char::is_whitespace)
}

fn expiry(now: i64, form: &mut Form) -> Taken<i64> {
    let Some(at) = form.integer("expires_at")? else { return Ok(now + LIFE.end()) };
    let life = at.saturating_sub(now);
    if life < *LIFE.start() {
        let message =
            "The `expires_at` timestamp must be at least 30 minutes from Checkout Session creation.";
        return Err(Refusal::new(message).param("expires_at"));
    }
    if life > *LIFE.end() {
        let message = "The `expires_at` timestamp must be less than 24 hours from Checkout Session creation.";
        return Err(Refusal::new(message).param("expires_at"));
    }
    Ok(at)
}

/// Metadata: at most 50 keys of 40 characters, without brackets, with values of 500 (docs.stripe.com/metadata).
pub(super) fn metadata(form: &mut Form) -> Taken<Value> {
    let Some(level) = form.form("metadata")? else { return Ok(json!({})) };
    let mut metadata = Map::new();
    for (key, value) in level.pairs()? {
        let name = format!("metadata[{}]", key.chars().take(40).collect::<String>());
        if key.chars().count() > 40 {
            let message = "Metadata keys must be at most 40 characters long.";
            return Err(Refusal::new(message).param(name));
        }
        if value.chars().count() > 500 {
            let message = "Metadata values can have up to 500 characters.";
            return Err(Refusal::new(message).param(name));
        }
        // An empty value takes a key away.
        if !value.is_empty() {
            metadata.insert(key, value.into());
        }
    }
    if metadata.len() > 50 {
        let message = "Metadata can only have up to 50 keys.";
        return Err(Refusal::new(message).param("metadata"));
    }
    Ok(metadata.into())
}

fn intent(form: &mut Form, mode: &str, inner: &mut Map<String, Value>) -> Taken<()> {
    for (field, of, unplayed) in [
        (
            "payment_intent_data",
            "payment",
            &[
                "application_fee_amount",
                "capture_method",
                "on_behalf_of",
                "receipt_email",
                "setup_future_usage",
                "shipping",
                "statement_descriptor",
                "statement_descriptor_suffix",
                "transfer_data",
                "transfer_group",
            ][..],
        ),
        (
            "subscription_data",
            "subscription",
            &[
                "application_fee_percent",
                "billing_cycle_anchor",
                "billing_mode",
                "default_tax_rates",
                "invoice_settings",
                "on_behalf_of",
                "proration_behavior",
                "transfer_data",
                "trial_end",
                "trial_period_days",
                "trial_settings",
            ],
        ),
    ] {
        let Some(mut data) = form.form(field)? else { continue };
        if mode != of {
            let message = format!("You can not pass `{field}` in `{mode}` mode.");
            return Err(Refusal::new(message).param(field));
        }
        inner.insert("metadata".to_owned(), metadata(&mut data)?);
        inner.insert("description".to_owned(), data.text("description", 1000)?.into());
        data.end(unplayed)?;
    }
    Ok(())
}

fn options(form: &mut Form, mode: &str, fields: &mut Map<String, Value>) -> Taken<()> {
    fields.insert("locale".to_owned(), form.one_of("locale", &LOCALES)?.into());
    let submit = form.one_of("submit_type", &SUBMIT_TYPES)?;
    if submit.is_some_and(|submit| (submit == "subscribe") != (mode == "subscription")) {
        let message = format!("The `submit_type` does not fit `{mode}` mode.");
        return Err(Refusal::new(message).param("submit_type"));
    }
    fields.insert("submit_type".to_owned(), submit.into());
    let billing = form.one_of("billing_address_collection", &["auto", "required"])?;
    fields.insert("billing_address_collection".to_owned(), billing.into());
    fields.insert("allow_promotion_codes".to_owned(), form.boolean("allow_promotion_codes")?.into());
    if let Some(collection) = form.one_of("payment_method_collection", &["always", "if_required"])? {
        if mode != "subscription" {
            let message = "You can only set `payment_method_collection` in `subscription` mode.";
            return Err(Refusal::new(message).param("payment_method_collection"));
        }
        fields.insert("payment_method_collection".to_owned(), collection.into());
    } else if mode == "subscription" {
        fields.insert("payment_method_collection".to_owned(), "always".into());
    }
    for (field, only) in
        [("phone_number_collection", None), ("adaptive_pricing", None), ("invoice_creation", Some("payment"))]
    {
        let Some(mut level) = form.form(field)? else { continue };
        if only.is_some_and(|only| only != mode) {
            return Err(Refusal::new(format!("`{field}` can not be used in `{mode}` mode.")).param(field));
        }
        let enabled = level.boolean("enabled")?.ok_or_else(|| Refusal::missing(&level.name("enabled")))?;
        level.end(&["invoice_data"])?;
        if field == "invoice_creation" && enabled {
            return Err(Refusal::not_played("invoice_creation[enabled]"));
        }
        fields.insert(field.to_owned(), json!({ "enabled": enabled }));
    }
    let allowed = form.texts("allowed_payment_method_types")?;
    if !allowed.is_empty() && !allowed.iter().any(|kind| kind == "card") {
        return Err(Refusal::not_played("allowed_payment_method_types without card"));
    }
    if !allowed.is_empty() {
        fields.insert("allowed_payment_method_types".to_owned(), allowed.into());
    }
    Ok(())
}

fn line_items(desk: &Desk<'_>, form: &mut Form, mode: &str) -> Taken<Vec<Value>> {
    let forms = form.forms("line_items")?;
    if forms.is_empty() {
        return Err(Refusal::missing("line_items"));
    }
    if forms.len() > if mode == "payment" { 100 } else { 20 } {
        return Err(Refusal::new("Too many line items.").param("line_items"));
    }
    let items: Vec<Value> = forms.into_iter().map(|item| line_item(desk, item)).collect::<Result<_, _>>()?;
    let recurring = |item: &&Value| item["price"]["type"] == "recurring";
    let count = items.iter().filter(recurring).count();
    if mode == "payment" && count > 0 {
        let message = "You specified `payment` mode but passed a recurring price. Either switch to `subscription` mode or use only one-time prices.";
        return Err(Refusal::new(message).param("line_items[0][price]"));
    }
    if mode == "subscription" && count == 0 {
        let message =
            "You must provide at least one recurring price in `subscription` mode when using prices.";
        return Err(Refusal::new(message).param("line_items[0][price]"));
    }
    if mode == "subscription" && (count > 1 || items.len() > count) {
        return Err(Refusal::not_played("line_items: more than one price in subscription mode"));
    }
    Ok(items)
}

fn line_item(desk: &Desk<'_>, mut item: Form) -> Taken<Value> {
    let price = match (item.text("price", 5000)?, item.form("price_data")?) {
        (Some(_), Some(_)) => {
            let message = "You may only specify one of these parameters: price, price_data.";
            return Err(Refusal::new(message).param(item.name("price")));
        }
        (None, None) => return Err(Refusal::missing(&item.name("price"))),
        (Some(id), None) => {
            let param = item.name("price");
            desk.named("price", &id, &param, axum::http::StatusCode::BAD_REQUEST)?.0
        }
        (None, Some(data)) => catalogue::inline(desk, data)?,
    };
    let name = item.name("quantity");
    let quantity = item.integer("quantity")?.ok_or_else(|| Refusal::missing(&name))?;
    if !(1..=999_999).contains(&quantity) {
        let message = "This value must be greater than or equal to 1.";
        return Err(Refusal::new(message).code("parameter_invalid_integer").param(name));
    }
    item.end(&["adjustable_quantity", "dynamic_tax_rates", "metadata", "tax_rates"])?;
    let amount = price["unit_amount"].as_i64().unwrap_or_default().saturating_mul(quantity);
    let product = desk.get("product", text(&price, "product"))?;
    Ok(shape(
        "item",
        new_id("li"),
        json!({
            "amount_subtotal": amount, "amount_total": amount, "currency": price["currency"],
            "description": product["name"], "price": price, "quantity": quantity,
        }),
    ))
}

fn sum(items: &[Value]) -> Taken<(String, i64)> {
    let currency = text(&items[0], "currency");
    if items.iter().any(|item| item["currency"] != currency) {
        let message = "All line items must have the same currency.";
        return Err(Refusal::new(message).param("line_items"));
    }
    let add = |sum: i64, item: &Value| sum.saturating_add(item["amount_total"].as_i64().unwrap_or_default());
    let total = items.iter().fold(0, add);
    money::check_total(total, currency)?;
    Ok((currency.to_owned(), total))
}
