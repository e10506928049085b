//! Products, and plans, which Whop calls variants now: both paths show the same.
//!
//! The invariant: prices of plans are numbers in major units, as in `types/plan.py` of Whop's Python SDK 2.6.0, where
//! those of memberships are texts.

use serde_json::{Value, json};

use super::{
    WHOP_ACCOUNT_ID,
    ask::Query,
    error::{Refusal, Taken},
    list::{Page, direct},
    memberships::keep_any,
    records::Membership,
    shelf::Desk,
    view::{account, extend, money, number},
    world::{ACCOUNT, CURRENCY, OPENED, PLANS, PRODUCTS, Plan, Product, ROUTE},
};

/// What a first payment comes to: nothing while a trial runs.
fn due(plan: &Plan) -> i64 {
    if plan.trial_days.is_some() { 0 } else { plan.price }
}

impl Plan {
    /// The up-front price; a period's comes on top.
    pub(super) fn first_price(&self) -> i64 {
        if self.days.is_some() { 0 } else { self.price }
    }

    /// What is paid for each period.
    pub(super) fn renewal_price(&self) -> i64 {
        if self.days.is_some() { self.price } else { 0 }
    }

    /// `renewal` or `one_time`.
    pub(super) fn kind(&self) -> &'static str {
        if self.days.is_some() { "renewal" } else { "one_time" }
    }
}

fn members(desk: &Desk<'_>, is: impl Fn(&Membership) -> bool) -> Taken<usize> {
    Ok(desk.all::<Membership>()?.iter().filter(|one| one.has_access() && is(one)).count())
}

fn plan(desk: &Desk<'_>, plan: &Plan) -> Taken<Value> {
    let product = plan.product();
    let mut shown = json!({
        "id": plan.id, "title": plan.title, "plan_type": plan.kind(), "release_method": "buy_now", "currency": CURRENCY,
        "initial_price": number(plan.first_price()), "renewal_price": number(plan.renewal_price()),
        "initial_price_due": money(due(plan)), "billing_period": plan.days, "trial_period_days": plan.trial_days,
        "formatted_price": format!("€{}", number(plan.price)), "product": {"id": product.id, "title": product.title},
        "account": {"id": WHOP_ACCOUNT_ID, "title": ACCOUNT}, "member_count": members(desk, |one| one.plan == plan.id)?,
        "purchase_url": format!("https://whop.com/checkout/{}/", plan.id), "created_at": OPENED, "updated_at": OPENED,
    });
    extend(
        &mut shown,
        json!({
            "adaptive_pricing_enabled": false, "attributes": null, "cancel_discount_intervals": null,
            "cancel_discount_percentage": null, "checkout_styling": null, "collect_tax": false, "custom_fields": [],
            "deletable": null, "description": null, "effective_payment_method_configuration": null,
            "expiration_days": null, "image": null, "internal_notes": null, "invoice": null, "metadata": {},
            "offer_cancel_discount": false, "payment_method_configuration": null, "sku": null,
            "split_pay_required_payments": null, "stock": null, "strike_through_initial_price": null,
            "strike_through_renewal_price": null, "tax_type": "unspecified", "three_ds_level": null,
            "unlimited_stock": true, "visibility": "visible",
        }),
    );
    Ok(shown)
}

fn product(desk: &Desk<'_>, product: &Product) -> Taken<Value> {
    let plans = || PLANS.iter().filter(|plan| plan.product == product.id);
    let public = |plan: &Plan| {
        json!({
            "id": plan.id, "title": plan.title, "plan_type": plan.kind(), "visibility": "visible", "unlimited_stock": true,
            "initial_price": money(plan.first_price()), "renewal_price": money(plan.renewal_price()),
            "billing_period": plan.days, "expiration_days": null,
        })
    };
    let count = members(desk, |one| plans().any(|plan| plan.id == one.plan))?;
    Ok(json!({
        "id": product.id, "title": product.title, "route": product.route, "headline": product.title,
        "description": null, "account": account(), "default_plan": plans().next().map(public), "member_count": count,
        "average_review_rating": 0, "published_reviews_count": 0, "custom_cta": "join", "custom_cta_url": null,
        "custom_statement_descriptor": null, "external_identifier": null, "gallery_images": [],
        "global_affiliate_percentage": null, "global_affiliate_status": "disabled", "labels": [],
        "marketplace_status": "not_available", "member_affiliate_percentage": null,
        "member_affiliate_status": "disabled", "metadata": {}, "owner_user": null, "product_tax_code": null,
        "variant_attributes": null, "variants": null, "verified": false, "visibility": "visible",
        "created_at": OPENED, "updated_at": OPENED,
    }))
}

fn owner(query: &mut Query) -> Taken<bool> {
    Ok(query.text("account_id")?.is_none_or(|account| account == WHOP_ACCOUNT_ID))
}

/// `GET /plans` and `GET /variants`.
pub(super) fn plans(desk: &Desk<'_>, mut query: Query) -> Taken<Value> {
    let mut all: Vec<&Plan> = PLANS.iter().rev().collect();
    direct(&mut query, &mut all)?;
    if !owner(&mut query)? {
        all.clear();
    }
    keep_any(query.texts("product_ids"), &mut all, |plan| plan.product.to_owned());
    keep_any(query.texts("plan_types"), &mut all, |plan| plan.kind().to_owned());
    let page = Page::of(&mut query)?;
    query.end(&[
        "created_after",
        "created_before",
        "ip_address",
        "presentment_country",
        "presentment_currency",
        "release_methods",
        "visibilities",
    ])?;
    page.cut(&all, |one| one.id, |one| plan(desk, one))
}

/// `GET /plans/{id}` and `GET /variants/{id}`.
pub(super) fn one_plan(desk: &Desk<'_>, id: &str, query: Query) -> Taken<Value> {
    query.end(&["ip_address", "presentment_country", "presentment_currency"])?;
    plan(desk, Plan::of(id)?)
}

/// `GET /products`.
pub(super) fn products(desk: &Desk<'_>, mut query: Query) -> Taken<Value> {
    let mut all: Vec<&Product> = PRODUCTS.iter().rev().collect();
    direct(&mut query, &mut all)?;
    if !owner(&mut query)? {
        all.clear();
    }
    let page = Page::of(&mut query)?;
    query.end(&[
        "access_pass_types",
        "created_after",
        "created_before",
        "labels",
        "marketplace_category_route",
        "plan_types",
        "price_maximum",
        "price_minimum",
        "query",
        "visibilities",
    ])?;
    page.cut(&all, |one| one.id, |one| product(desk, one))
}

/// `GET /products/{id}`, by id or route.
pub(super) fn one_product(desk: &Desk<'_>, id: &str, query: Query) -> Taken<Value> {
    query.end(&[])?;
    let found = PRODUCTS.iter().find(|one| one.id == id || one.route == id);
    product(desk, found.ok_or_else(|| Refusal::no_such("Product"))?)
}

/// What a resource opens to those who have one of these products; none if there is no such resource.
pub(super) fn opened_by(resource: &str) -> Option<Vec<&'static str>> {
    if resource == WHOP_ACCOUNT_ID || resource == ROUTE {
        return Some(PRODUCTS.iter().map(|product| product.id).collect());
    }
    let found = PRODUCTS.iter().find(|product| product.id == resource || product.route == resource);
    found.map(|product| vec![product.id])
}
