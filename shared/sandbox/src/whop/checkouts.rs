//! Links to a checkout. What is bought through one carries its metadata.
//!
//! The invariant: a link sells a plan that there is.

use serde_json::{Value, json};

use super::{
    WHOP_ACCOUNT_ID,
    ask::{Body, Query},
    error::{Refusal, Taken},
    list::{Page, direct},
    records::Checkout,
    shelf::{Desk, new_id},
    view::{number, time},
    world::{CURRENCY, Plan},
};

fn show(checkout: &Checkout) -> Taken<Value> {
    let plan = Plan::of(&checkout.plan)?;
    Ok(json!({
        "id": checkout.id, "account_id": WHOP_ACCOUNT_ID, "affiliate_code": checkout.affiliate_code, "currency": null,
        "effective_payment_method_configuration": null, "metadata": checkout.metadata, "mode": "payment",
        "payment_method_configuration": null, "redirect_url": checkout.redirect_url, "three_ds_level": null,
        "plan": {"id": plan.id, "adaptive_pricing_enabled": false, "billing_period": plan.days, "currency": CURRENCY,
            "expiration_days": null, "initial_price": number(plan.first_price()), "plan_type": plan.kind(),
            "release_method": "buy_now", "renewal_price": number(plan.renewal_price()), "three_ds_level": null,
            "trial_period_days": plan.trial_days, "visibility": "visible"},
        "purchase_url": format!("{}/whop/checkout/{}", checkout.base, checkout.id),
        "created_at": time(checkout.created_at), "updated_at": time(checkout.created_at),
    }))
}

/// `POST /checkout_configurations`.
pub(super) fn create(desk: &Desk<'_>, mut body: Body, base: &str) -> Taken<Value> {
    if body.text("account_id")?.is_some_and(|account| account != WHOP_ACCOUNT_ID) {
        return Err(Refusal::no_such("Account"));
    }
    match body.text("mode")?.as_deref() {
        None | Some("payment") => {}
        Some("setup") => return Err(Refusal::not_played("The mode setup")),
        Some(_) => return Err(Refusal::bad("mode must be one of payment, setup")),
    }
    let checkout = Checkout {
        id: new_id("ch"),
        plan: Plan::of(&body.required("plan_id")?)?.id.to_owned(),
        metadata: body.object("metadata")?.unwrap_or_default(),
        redirect_url: body.text("redirect_url")?,
        affiliate_code: body.text("affiliate_code")?,
        base: base.to_owned(),
        created_at: desk.now,
    };
    let url = checkout.redirect_url.as_deref();
    if url.is_some_and(|url| !url.starts_with("https://") && !url.starts_with("http://")) {
        return Err(Refusal::bad("redirect_url must be a URL"));
    }
    body.end(&["currency", "payment_method_configuration", "plan", "three_ds_level"])?;
    desk.add(&checkout)?;
    show(&checkout)
}

/// `GET /checkout_configurations`.
pub(super) fn list(desk: &Desk<'_>, mut query: Query) -> Taken<Value> {
    let mut all = desk.all::<Checkout>()?;
    direct(&mut query, &mut all)?;
    if query.text("account_id")?.is_some_and(|account| account != WHOP_ACCOUNT_ID) {
        all.clear();
    }
    if let Some(plan) = query.text("plan_id")? {
        all.retain(|one| one.plan == plan);
    }
    let page = Page::of(&mut query)?;
    query.end(&["created_after", "created_before"])?;
    page.cut(&all, |one| &one.id, show)
}

/// `GET /checkout_configurations/{id}`.
pub(super) fn get(desk: &Desk<'_>, id: &str, query: Query) -> Taken<Value> {
    query.end(&[])?;
    show(&desk.get(id)?)
}
