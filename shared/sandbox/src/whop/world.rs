//! What the account sells, and who was there before anybody came.
//!
//! The invariant: ids are fixed, since configurations name them.

use jiff::Timestamp;

use super::{
    error::{Refusal, Taken},
    records::Person,
    shelf::Desk,
};

/// The account's name.
pub(super) const ACCOUNT: &str = "Frontdesk Agency";
/// The account's path at Whop.
pub(super) const ROUTE: &str = "frontdesk-agency";
/// The one currency.
pub(super) const CURRENCY: &str = "eur";
/// When the account was opened.
pub(super) const OPENED: &str = "2026-01-05T09:00:00.000Z";

/// What can be had.
pub(super) struct Product {
    pub(super) id: &'static str,
    pub(super) title: &'static str,
    pub(super) route: &'static str,
    /// Whether a membership comes with a licence key.
    pub(super) is_licensed: bool,
}

/// How it can be had. Whop says variant now.
pub(super) struct Plan {
    pub(super) id: &'static str,
    pub(super) product: &'static str,
    pub(super) title: &'static str,
    /// Of a period, or once; minor units.
    pub(super) price: i64,
    /// Of a period; none is once and for all.
    pub(super) days: Option<i64>,
    pub(super) trial_days: Option<i64>,
}

/// The products.
pub(super) const PRODUCTS: [Product; 3] = [
    product("prod_growthretainer", "Growth Retainer", "growth-retainer", true),
    product("prod_scaleretainer", "Scale Retainer", "scale-retainer", false),
    product("prod_playbooklife", "Playbook, for life", "playbook-life", true),
];

/// The plans.
pub(super) const PLANS: [Plan; 6] = [
    plan("plan_growthmonthly", "prod_growthretainer", "Growth, monthly", 149_000, Some(30), None),
    plan("plan_growthtrial", "prod_growthretainer", "Growth, with a trial", 149_000, Some(30), Some(14)),
    plan("plan_growthyearly", "prod_growthretainer", "Growth, yearly", 1_490_000, Some(365), None),
    plan("plan_scalemonthly", "prod_scaleretainer", "Scale, monthly", 349_000, Some(30), None),
    plan("plan_playbooklife", "prod_playbooklife", "Playbook", 29_000, None, None),
    plan("plan_free", "prod_playbooklife", "First chapter", 0, None, None),
];

const fn product(id: &'static str, title: &'static str, route: &'static str, is_licensed: bool) -> Product {
    Product { id, title, route, is_licensed }
}

const fn plan(
    id: &'static str,
    product: &'static str,
    title: &'static str,
    price: i64,
    days: Option<i64>,
    trial_days: Option<i64>,
) -> Plan {
    Plan { id, product, title, price, days, trial_days }
}

impl Plan {
    /// The plan of this id.
    pub(super) fn of(id: &str) -> Taken<&'static Self> {
        PLANS.iter().find(|plan| plan.id == id).ok_or_else(|| Refusal::no_such("Plan"))
    }

    /// What it is a plan of.
    pub(super) fn product(&self) -> &'static Product {
        let found = PRODUCTS.iter().find(|product| product.id == self.product);
        found.expect("every plan is of a product")
    }
}

/// The people who are there at first.
pub(super) fn seed(desk: &Desk<'_>) -> Taken<()> {
    let opened: Timestamp = OPENED.parse().expect("a constant that is a time");
    for (id, name, email) in [
        ("user_mara", "Mara Maier", "mara@example.com"),
        ("user_jonas", "Jonas Jensen", "jonas@example.com"),
        ("user_lena", "Lena Lindt", "lena@example.com"),
    ] {
        if desk.find::<Person>(id)?.is_none() {
            desk.add(&Person {
                id: id.to_owned(),
                username: id.trim_start_matches("user_").to_owned(),
                name: name.to_owned(),
                email: email.to_owned(),
                created_at: opened,
            })?;
        }
    }
    Ok(())
}
