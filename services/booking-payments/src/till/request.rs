//! What Stripe is asked for a link.
//!
//! The invariant: the same document always makes the same request, so that a repetition is one to Stripe too.

use domain::token::{Keys, Purpose};
use url::Url;

use super::checkout::Checkout;
use crate::stripe::{Form, amount};

impl Checkout {
    /// The request for its session; the same document always makes the same.
    pub(crate) fn form(&self, keys: &Keys, public: &Url) -> Result<Form, amount::Inexact> {
        let token = keys.seal(Purpose::ReturnPage, &self.id, self.created_at);
        let back = format!("{}/checkout/{token}", public.as_str().trim_end_matches('/'));
        let is_due_again = self.item.interval.is_some();
        let mut form = Form::default();
        form.set("mode", if is_due_again { "subscription" } else { "payment" });
        form.set("success_url", &back);
        form.set("cancel_url", &back);
        form.set("client_reference_id", &self.id);
        form.set("expires_at", self.expires_at.as_second());
        form.set("customer_email", &self.attendee.email);
        self.line(&mut form)?;
        let metadata = self.metadata();
        form.set_all("metadata", &metadata);
        // Stripe copies nothing of a session to what comes out of it.
        let repeated =
            if is_due_again { "subscription_data[metadata]" } else { "payment_intent_data[metadata]" };
        form.set_all(repeated, &metadata);
        Ok(form)
    }

    /// Whose it is and what for, so that at Stripe a payment leads back to both: the visitor, since a contact is known to
    /// sheets-writer alone and two of them may become one; the slot, since nothing is booked before it is paid.
    fn metadata(&self) -> [(&'static str, String); 5] {
        let slot = self.item.meeting.clone().zip(self.start);
        let (event_type, start) = slot.map(|(slug, start)| (slug, start.to_string())).unwrap_or_default();
        [
            ("checkout", self.id.clone()),
            ("visitor", self.owner.visitor.clone()),
            ("session", self.owner.session.clone()),
            ("event_type", event_type),
            ("start", start),
        ]
    }

    fn line(&self, form: &mut Form) -> Result<(), amount::Inexact> {
        form.set("line_items[0][quantity]", 1);
        if let Some(price) = &self.item.stripe_price {
            form.set("line_items[0][price]", price);
            return Ok(());
        }
        let data = "line_items[0][price_data]";
        let currency = self.item.price.currency.as_str().to_ascii_lowercase();
        form.set(format!("{data}[currency]"), currency);
        form.set(format!("{data}[unit_amount]"), amount::write(self.item.price)?);
        form.set(format!("{data}[product_data][name]"), &self.item.name);
        form.set(format!("{data}[product_data][description]"), &self.item.description);
        form.set(format!("{data}[recurring][interval]"), self.item.interval());
        Ok(())
    }
}
