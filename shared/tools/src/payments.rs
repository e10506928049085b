//! Tools around payments, and how money is told.
//!
//! The invariant: no argument is an amount; what is paid stands in the workflow's catalogue.

pub(crate) mod cancel_checkout_link;
pub(crate) mod create_checkout_link;
pub(crate) mod list_my_payments;

use jiff::tz::TimeZone;
use proto::{
    booking::v1::{Checkout, CheckoutStatus},
    common::v1::Money,
};

use crate::{Receipt, times};

/// Money as it is told, e.g. `490.00 EUR`.
pub(crate) fn amount(money: Option<&Money>) -> Option<String> {
    let Money { minor_units, currency_code } = money?;
    let money = domain::Money { minor: *minor_units, currency: currency_code.parse().ok()? };
    Some(money.to_string())
}

/// What a link is paid for costs, with its interval.
fn price(checkout: &Checkout) -> Option<String> {
    let item = checkout.item.as_ref()?;
    let each = if item.interval.is_empty() { String::new() } else { format!(" a {}", item.interval) };
    amount(item.price.as_ref()).map(|price| price + &each)
}

/// How a link stands, as a word.
fn status(checkout: &Checkout) -> &'static str {
    match checkout.status() {
        CheckoutStatus::Open => "open",
        CheckoutStatus::Pending => "pending",
        CheckoutStatus::Paid if checkout.refunded.is_some() => "refunded",
        CheckoutStatus::Paid => "paid",
        CheckoutStatus::Expired => "expired",
        CheckoutStatus::Canceled => "canceled",
        CheckoutStatus::Failed => "failed",
        CheckoutStatus::Unspecified => "unknown",
    }
}

/// Why a link cannot be paid, in words; `None` while it can.
fn end(checkout: &Checkout) -> Option<&'static str> {
    match checkout.status() {
        CheckoutStatus::Open => None,
        CheckoutStatus::Pending => Some("was paid, and the money is on its way"),
        CheckoutStatus::Paid if checkout.refunded.is_some() => Some("was paid, and money was paid back"),
        CheckoutStatus::Paid => Some("is paid already"),
        CheckoutStatus::Expired => Some("has ended, and nobody paid"),
        CheckoutStatus::Canceled => Some("was cancelled"),
        CheckoutStatus::Failed => Some("was used, and the money did not come"),
        CheckoutStatus::Unspecified => Some("stands in a way that nobody knows"),
    }
}

/// What people call what is paid for.
fn item(checkout: &Checkout) -> String {
    checkout.item.as_ref().map(|item| item.name.clone()).unwrap_or_default()
}

/// What the visitor is shown of a link.
fn receipt(title: &str, checkout: &Checkout, zone: &TimeZone) -> Receipt {
    let spoken = |time| times::read(time).map(|time| times::spoken(time, zone)).unwrap_or_default();
    let is_open = checkout.status() == CheckoutStatus::Open;
    Receipt::new(
        title,
        [
            ("Item", item(checkout)),
            ("Price", price(checkout).unwrap_or_default()),
            ("Time", spoken(checkout.start_time)),
            ("Valid until", if is_open { spoken(checkout.expire_time) } else { String::new() }),
            ("Reference", checkout.checkout_id.clone()),
        ],
    )
}
