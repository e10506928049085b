//! Money that goes back: refunds and disputes.
//!
//! The invariant: no more goes back than was paid.

use super::{
    error::{Refusal, Taken},
    notice::Notice,
    records::{Dispute, Payment, Refund},
    shelf::{Desk, new_id},
};

/// So much of a payment goes back, or what is left of it: the refund is pending, and then it has succeeded.
pub(super) fn refund(desk: &Desk<'_>, id: &str, amount: Option<i64>) -> Taken<Refund> {
    let mut payment: Payment = desk.get(id)?;
    let left = payment.amount - payment.refunded;
    let amount = amount.unwrap_or(left);
    if payment.status != "paid" || !(1..=left).contains(&amount) {
        return Err(Refusal::unprocessable("This amount cannot be refunded"));
    }
    let mut refund = Refund {
        id: new_id("rf"),
        payment: payment.id.clone(),
        amount,
        status: "pending".to_owned(),
        created_at: desk.now,
        updated_at: desk.now,
    };
    desk.add(&refund)?;
    desk.tell(Notice::of(desk, "refund.created", &refund)?);
    payment.refunded += amount;
    (payment.refunded_at, payment.updated_at) = (Some(desk.now), desk.now);
    desk.put(&payment)?;
    refund.status = "succeeded".to_owned();
    desk.put(&refund)?;
    desk.tell(Notice::of(desk, "refund.updated", &refund)?);
    Ok(refund)
}

/// The payer's bank wants a payment back.
pub(super) fn dispute(desk: &Desk<'_>, id: &str) -> Taken<Dispute> {
    let mut payment: Payment = desk.get(id)?;
    if payment.status != "paid" || payment.disputed.is_some() {
        return Err(Refusal::unprocessable("This payment cannot be disputed"));
    }
    let dispute = Dispute {
        id: new_id("dspt"),
        payment: payment.id.clone(),
        status: "needs_response".to_owned(),
        created_at: desk.now,
        updated_at: desk.now,
    };
    desk.add(&dispute)?;
    payment.disputed = Some("dispute_needs_response".to_owned());
    payment.updated_at = desk.now;
    desk.put(&payment)?;
    desk.tell(Notice::of(desk, "dispute.created", &dispute)?);
    Ok(dispute)
}

/// A dispute ends.
pub(super) fn close(desk: &Desk<'_>, id: &str, won: bool) -> Taken<Dispute> {
    let mut dispute: Dispute = desk.get(id)?;
    if dispute.status != "needs_response" {
        return Err(Refusal::unprocessable("This dispute has ended"));
    }
    let mut payment: Payment = desk.get(&dispute.payment)?;
    dispute.status = if won { "won" } else { "lost" }.to_owned();
    payment.disputed = Some(format!("dispute_{}", dispute.status));
    (dispute.updated_at, payment.updated_at) = (desk.now, desk.now);
    desk.put(&dispute)?;
    desk.put(&payment)?;
    desk.tell(Notice::of(desk, "dispute.updated", &dispute)?);
    Ok(dispute)
}
