//! Looking at a payment at Stripe, and keeping what it says.
//!
//! The invariant: our version is read before Stripe is asked, so what is written is never older than what stood there;
//! and anything with an invoice is one payment, the invoice's: a row of
//! the payment intent that was written before Stripe named the invoice is called off.

use domain::Money;
use jiff::SignedDuration;
use serde::{Deserialize, Serialize};
use store::{Attempts, Collection, Work};

use super::{
    Till,
    followed::Ends,
    origin::Origin,
    payment::{Charges, PAYMENTS, Payer, Payment, Status},
    record::version_after,
    subscription::SUBSCRIPTIONS,
    task::{self, Task},
    time,
};
use providers::{api::Failure, books, error::Error, owner::Owner};

use crate::stripe::{self, Charge, Contact, Dispute, Intent, Invoice, Session, amount};

/// Dispute states in which the money is with the payer's bank. A `warning_…` is an inquiry and moves none.
const OPEN_DISPUTES: [&str; 2] = ["needs_response", "under_review"];

/// Which invoice a charge without a payment intent pays, by the charge's id.
const INVOICED: Collection<Invoiced> = Collection::new("invoiced");

/// The invoice that a charge pays.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Invoiced {
    /// `in_…`
    invoice: String,
}

/// What pays something.
#[derive(Clone, Debug, Default)]
pub(super) struct Parts {
    pub(super) intents: Vec<Intent>,
    /// Those that have no payment intent.
    pub(super) charges: Vec<Charge>,
}

/// When a payment of nobody's link is looked at once more: Stripe may name its invoice a little later.
const SETTLED: SignedDuration = SignedDuration::from_mins(2);

impl Till {
    /// Looks at a payment intent, or at the invoice that it pays.
    pub(super) async fn refresh_intent(&self, id: &str) -> Result<Ends, Error> {
        let mut attempts = Attempts::default();
        loop {
            let mut work = Work::new(self.store());
            let known: Option<Payment> = work.get(&PAYMENTS, id).await?;
            if let Some(known) = known.as_ref().filter(|known| known.is_superseded()) {
                return self.refresh_invoice(&known.invoice).await;
            }
            let intent = self.stripe().intent(id).await?;
            if let Some(link) = self.stripe().invoices_of(id).await?.into_iter().next() {
                return self.refresh_invoice(&link.invoice).await;
            }
            let charges = self.charges(&Parts { intents: vec![intent.clone()], ..Parts::default() }).await?;
            let Some(status) = Status::of_intent(&intent, &charges) else { return Ok(Ends::new()) };
            let hint = intent.metadata.get("checkout").map(String::as_str);
            let is_ours = |session: &Session| session.payment_intent.as_deref() == Some(id);
            let origin = self.origin(&mut work, hint, is_ours).await?;
            let next = self.of_intent(&intent, &charges, status, origin.as_ref())?;
            if known.is_none() && origin.is_none() {
                let due = self.now() + SETTLED;
                task::put(&mut work, &Task::Settle(id.to_owned()), due).await?;
            }
            let checkout = origin.map(|origin| origin.checkout);
            if self.keep(&mut attempts, work, known, next, checkout).await? {
                return Ok(vec![id.to_owned()]);
            }
        }
    }

    /// Looks at an invoice.
    pub(super) async fn refresh_invoice(&self, id: &str) -> Result<Ends, Error> {
        let mut attempts = Attempts::default();
        loop {
            let mut work = Work::new(self.store());
            let known: Option<Payment> = work.get(&PAYMENTS, id).await?;
            let invoice = self.stripe().invoice(id).await?;
            let parts = self.parts_of(id).await?;
            let charges = self.charges(&parts).await?;
            let Some(status) = Status::of_invoice(&invoice, &charges) else { return Ok(Ends::new()) };
            if known.is_none() && invoice.amount_due == 0 && invoice.amount_paid == 0 {
                // A trial's invoice: no money moves.
                return Ok(Ends::new());
            }
            let origin = self.origin_of_invoice(&mut work, &invoice).await?;
            let mut next = self.of_invoice(&invoice, &charges, status, origin.as_ref())?;
            let subscription = work.get(&SUBSCRIPTIONS, &next.subscription_key()).await?;
            next.erased = subscription.is_some_and(|subscription| subscription.erased);
            self.supersede(&mut work, &parts.intents, id).await?;
            note_invoice(&mut work, &parts.charges, id).await?;
            let checkout = origin.map(|origin| origin.checkout);
            if self.keep(&mut attempts, work, known, next, checkout).await? {
                return Ok(vec![id.to_owned()]);
            }
        }
    }

    /// Calls off as part of `work` the rows of payments that turned out to be an invoice's.
    async fn supersede(&self, work: &mut Work<'_>, intents: &[Intent], invoice: &str) -> Result<(), Error> {
        for Intent { id, .. } in intents {
            let known: Option<Payment> = work.get(&PAYMENTS, id).await?;
            let Some(mut payment) = known.filter(|known| !known.is_superseded()) else { continue };
            payment.status = Status::Canceled;
            (payment.refunded.minor, payment.lost, payment.paid_at) = (0, None, None);
            invoice.clone_into(&mut payment.invoice);
            payment.version = version_after(payment.version, self.now());
            work.put(&PAYMENTS, id, &payment);
            books::tell(work, &books::Telling::Payment(id.to_string()), self.now()).await?;
        }
        Ok(())
    }

    /// Looks at the invoice that a charge without a payment intent pays; one that pays none is nothing to us.
    pub(super) async fn refresh_invoice_of(&self, charge: &str) -> Result<Ends, Error> {
        match INVOICED.get(self.store(), charge).await? {
            Some(found) => self.refresh_invoice(&found.value.invoice).await,
            None => Ok(Ends::new()),
        }
    }

    /// What pays an invoice.
    pub(super) async fn parts_of(&self, invoice: &str) -> Result<Parts, Error> {
        let mut parts = Parts::default();
        for link in self.stripe().payments_of(invoice).await? {
            match link.payment {
                stripe::Payer { payment_intent: Some(id), .. } => {
                    parts.intents.push(self.stripe().intent(&id).await?);
                }
                stripe::Payer { charge: Some(id), .. } => {
                    parts.charges.push(self.stripe().charge(&id).await?);
                }
                stripe::Payer { .. } => {}
            }
        }
        Ok(parts)
    }

    /// The link of a subscription's invoice.
    async fn origin_of_invoice(
        &self,
        work: &mut Work<'_>,
        invoice: &Invoice,
    ) -> Result<Option<Origin>, Error> {
        let details = invoice.parent.as_ref().and_then(|parent| parent.subscription_details.as_ref());
        let Some(details) = details else { return Ok(None) };
        let noted = details.metadata.as_ref().and_then(|noted| noted.get("checkout").cloned());
        let hint = match noted {
            Some(hint) => Some(hint),
            // It was noted on the subscription after this invoice was made.
            None => self.stripe().subscription(&details.subscription).await?.metadata.remove("checkout"),
        };
        let is_ours = |session: &Session| session.subscription.as_ref() == Some(&details.subscription);
        self.origin(work, hint.as_deref(), is_ours).await
    }

    /// What the last charges of these say together.
    pub(super) async fn charges(&self, parts: &Parts) -> Result<Charges, Error> {
        let of_intents = parts.intents.iter().filter_map(|intent| intent.latest_charge.as_ref());
        let is_processing = parts.intents.iter().any(|intent| intent.status == "processing")
            || parts.charges.iter().any(|charge| charge.status == "pending");
        let mut all = Charges { is_processing, ..Charges::default() };
        for charge in of_intents.chain(&parts.charges) {
            all.refunded += charge.amount_refunded;
            all.at = all.at.max(Some(charge.created));
            if let Some(method) = &charge.payment_method_details {
                all.method.clone_from(&method.kind);
            }
            if let Some(billing) = &charge.billing_details {
                all.billing = billing.clone();
            }
            if charge.disputed {
                let disputes = self.stripe().disputes(&charge.id).await?;
                all.is_disputed |= disputes.iter().any(|one| OPEN_DISPUTES.contains(&one.status.as_str()));
                let lost = disputes.iter().filter(|one| one.status == "lost");
                all.lost += lost.map(|one| taken_back(one, charge)).sum::<i64>();
            }
        }
        Ok(all)
    }

    fn of_intent(
        &self,
        intent: &Intent,
        charges: &Charges,
        status: Status,
        origin: Option<&Origin>,
    ) -> Result<Payment, Error> {
        let has_come = status.has_come();
        let charged = if has_come { intent.amount_received } else { intent.amount };
        let receipt = Contact { email: intent.receipt_email.clone(), ..Contact::default() };
        Ok(Payment {
            id: intent.id.to_string(),
            version: 0,
            created_at: time(intent.created).unwrap_or_default(),
            amount: money(charged, &intent.currency)?,
            refunded: money(back(charges, status), &intent.currency)?,
            lost: lost(charges, status, &intent.currency)?,
            paid_at: charges.at.filter(|_| has_come).and_then(time),
            method: charges.method.clone(),
            status,
            invoice: String::new(),
            subscription: String::new(),
            payer: payer(origin, &[&charges.billing, &receipt]),
            live: self.stripe().is_live(intent.livemode),
            ..Payment::from_origin(origin, intent.currency.as_str())?
        })
    }

    fn of_invoice(
        &self,
        invoice: &Invoice,
        charges: &Charges,
        status: Status,
        origin: Option<&Origin>,
    ) -> Result<Payment, Error> {
        let has_come = status.has_come();
        let charged = if has_come { invoice.amount_paid } else { invoice.amount_due };
        let customer = Contact {
            email: invoice.customer_email.clone(),
            phone: invoice.customer_phone.clone(),
            name: invoice.customer_name.clone(),
        };
        let details = invoice.parent.as_ref().and_then(|parent| parent.subscription_details.as_ref());
        Ok(Payment {
            id: invoice.id.to_string(),
            version: 0,
            created_at: time(invoice.created).unwrap_or_default(),
            amount: money(charged, &invoice.currency)?,
            refunded: money(back(charges, status), &invoice.currency)?,
            lost: lost(charges, status, &invoice.currency)?,
            paid_at: invoice.status_transitions.paid_at.or(charges.at).filter(|_| has_come).and_then(time),
            method: charges.method.clone(),
            status,
            invoice: invoice.id.to_string(),
            subscription: details.map(|details| details.subscription.to_string()).unwrap_or_default(),
            payer: payer(origin, &[&customer, &charges.billing]),
            live: self.stripe().is_live(invoice.livemode),
            ..Payment::from_origin(origin, invoice.currency.as_str())?
        })
    }
}

impl Payment {
    /// A key of the store may not be empty.
    fn subscription_key(&self) -> String {
        if self.subscription.is_empty() { "none".to_owned() } else { self.subscription.clone() }
    }

    /// What a payment has of the link that it came from; the rest is nothing yet.
    fn from_origin(origin: Option<&Origin>, currency: &str) -> Result<Self, Error> {
        let nothing = money(0, currency)?;
        let checkout = origin.map(|origin| &origin.checkout);
        let of = |field: fn(&super::Checkout) -> &String| checkout.map(field).cloned().unwrap_or_default();
        Ok(Self {
            id: String::new(),
            version: 0,
            created_at: jiff::Timestamp::UNIX_EPOCH,
            amount: nothing,
            refunded: nothing,
            lost: None,
            paid_at: None,
            method: String::new(),
            status: Status::Pending,
            invoice: String::new(),
            subscription: String::new(),
            checkout: of(|checkout| &checkout.id),
            item: of(|checkout| &checkout.item.id),
            booking: of(|checkout| &checkout.booking),
            owner: checkout.map_or_else(Owner::default, |checkout| checkout.owner.clone()),
            payer: Payer::default(),
            live: false,
            erased: false,
        })
    }
}

/// What of a charge a dispute that is lost has taken back; in another currency it says nothing about the part.
fn taken_back(dispute: &Dispute, charge: &Charge) -> i64 {
    if dispute.currency == charge.currency { dispute.amount.min(charge.amount) } else { charge.amount }
}

/// What went back of a payment; that all of it is lost says its status.
fn back(charges: &Charges, status: Status) -> i64 {
    if status == Status::Lost { charges.refunded } else { charges.back() }
}

fn lost(charges: &Charges, status: Status, currency: &str) -> Result<Option<Money>, Error> {
    let is_part = charges.lost > 0 && status != Status::Lost;
    is_part.then(|| money(charges.lost, currency)).transpose()
}

/// Notes as part of `work` which invoice these charges pay: asked for a charge alone, Stripe does not say it.
async fn note_invoice(work: &mut Work<'_>, charges: &[Charge], invoice: &str) -> Result<(), Error> {
    for Charge { id, .. } in charges {
        if work.get(&INVOICED, id).await?.is_none() {
            work.put(&INVOICED, id, &Invoiced { invoice: invoice.to_owned() });
        }
    }
    Ok(())
}

/// Who paid: what the page asked comes before what others say.
fn payer(origin: Option<&Origin>, others: &[&Contact]) -> Payer {
    let asked = origin.and_then(|origin| origin.session.customer_details.as_ref());
    let contacts: Vec<&Contact> = asked.into_iter().chain(others.iter().copied()).collect();
    Payer::of(&contacts)
}

/// An amount of Stripe's.
pub(super) fn money(amount: i64, currency: &str) -> Result<Money, Error> {
    amount::read(amount, currency).map_err(|_| inexact())
}

/// What is said of an amount of Stripe's that cannot be.
pub(super) fn inexact() -> Error {
    let why = "an amount falls between two units of its currency";
    Failure::Malformed { provider: stripe::NAME, why }.into()
}
