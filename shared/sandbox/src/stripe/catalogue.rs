//! Prices and products: two that are always there, and those that sessions bring with them.
//!
//! The invariant: every price names a product that is there.

use axum::http::StatusCode;
use serde_json::{Value, json};

use super::{
    checkout::metadata,
    error::Refusal,
    form::{Form, Taken},
    money,
    shelf::{Desk, new_id, shape},
};

/// A price that is paid once: 150.00 EUR.
pub const ONE_TIME_PRICE: &str = "price_SandboxConsult150EUR";
/// A price that is paid every month: 900.00 EUR.
pub const MONTHLY_PRICE: &str = "price_SandboxRetainer900EUR";

/// Puts the two prices there, unless they are.
pub(super) fn seed(desk: &Desk<'_>) -> Taken<()> {
    for (price, product, name, amount, recurring) in [
        (ONE_TIME_PRICE, "prod_SandboxConsult", "Strategy consult", 15_000, Value::Null),
        (MONTHLY_PRICE, "prod_SandboxRetainer", "Monthly retainer", 90_000, every("month", 1)),
    ] {
        if desk.find(price)?.is_none() {
            let fields =
                json!({"name": name, "created": desk.now, "updated": desk.now, "default_price": price});
            desk.add(&shape("product", product.to_owned(), fields), &Value::Null)?;
            desk.add(&priced(price.to_owned(), product, "eur", amount, recurring, desk.now), &Value::Null)?;
        }
    }
    Ok(())
}

fn every(interval: &str, count: i64) -> Value {
    json!({"interval": interval, "interval_count": count, "meter": null, "trial_period_days": null, "usage_type": "licensed"})
}

fn priced(id: String, product: &str, currency: &str, amount: i64, recurring: Value, now: i64) -> Value {
    let kind = if recurring.is_null() { "one_time" } else { "recurring" };
    shape(
        "price",
        id,
        json!({
            "created": now, "currency": currency, "product": product, "recurring": recurring, "type": kind,
            "unit_amount": amount, "unit_amount_decimal": amount.to_string(),
        }),
    )
}

/// The price that a line item brings as `price_data`. Stripe makes such a price inactive.
pub(super) fn inline(desk: &Desk<'_>, mut data: Form) -> Taken<Value> {
    let (currency_name, amount_name) = (data.name("currency"), data.name("unit_amount"));
    let currency = data.required("currency", 5000)?;
    money::check_currency(&currency, &currency_name)?;
    let amount = data.integer("unit_amount")?.ok_or_else(|| Refusal::missing(&amount_name))?;
    money::check_unit(amount, &currency, &amount_name)?;
    let recurring = match data.form("recurring")? {
        None => Value::Null,
        Some(mut recurring) => {
            let interval = recurring.one_of("interval", &["day", "month", "week", "year"])?;
            let interval = interval.ok_or_else(|| Refusal::missing(&recurring.name("interval")))?;
            let count = recurring.integer("interval_count")?.unwrap_or(1);
            recurring.end(&[])?;
            every(interval, count)
        }
    };
    let product = product(desk, &mut data)?;
    data.end(&["tax_behavior", "unit_amount_decimal"])?;
    let mut price = priced(new_id("price"), &product, &currency, amount, recurring, desk.now);
    price["active"] = false.into();
    desk.add(&price, &Value::Null)?;
    Ok(price)
}

fn product(desk: &Desk<'_>, data: &mut Form) -> Taken<String> {
    let known = data.text("product", 5000)?;
    match (known, data.form("product_data")?) {
        (Some(_), Some(_)) => {
            let message = "You may only specify one of these parameters: product, product_data.";
            Err(Refusal::new(message).param(data.name("product")))
        }
        (None, None) => Err(Refusal::missing(&data.name("product"))),
        (Some(id), None) => {
            desk.named("product", &id, &data.name("product"), StatusCode::BAD_REQUEST)?;
            Ok(id)
        }
        (None, Some(mut fresh)) => {
            let id = new_id("prod");
            let fields = json!({
                "name": fresh.required("name", 5000)?, "description": fresh.text("description", 40_000)?,
                "metadata": metadata(&mut fresh)?, "active": false, "created": desk.now, "updated": desk.now,
            });
            fresh.end(&["images", "tax_code", "unit_label"])?;
            desk.add(&shape("product", id.clone(), fields), &Value::Null)?;
            Ok(id)
        }
    }
}
