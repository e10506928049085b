//! What providers state, over gRPC: the checks, and the three calls.
//!
//! A repetition needs no `request_id` to be recognised: the version of a statement says what is new. The invariant: no
//! text of a provider's loses its row, since nobody could send another one. What is too long is cut; refused are ids,
//! times, amounts and states that cannot be.

use domain::{Fault, Money, tab};
use jiff::Timestamp;
use proto::{
    common::v1 as common,
    sheets::v1::{
        BookingStatement, Party as WireParty, PaymentStatement, RecordBookingRequest, RecordBookingResponse,
        RecordPaymentRequest, RecordPaymentResponse, RecordSubscriptionRequest, RecordSubscriptionResponse,
        SubscriptionStatement, bookkeeping_service_server::BookkeepingService,
    },
};
use serde_json::{Map, Value};
use tonic::{Request, Response, Status};

use super::{Books, status};
use crate::{
    bookings,
    people::Identity,
    rows::End,
    statements::{self, Party, Payment, Place, Statement},
    wire,
};

/// Longest text of a field, in characters; what is longer is cut.
const MAX_TEXT: usize = 500;
/// Longest path of a page, in characters.
const MAX_PAGE: usize = 2_000;
/// Longest `metadata`, in bytes; what does not fit is left out.
const MAX_METADATA: usize = 10_000;
/// Longest uid of a meeting, in characters, and most of them.
const MAX_UID: usize = 256;
const MAX_UIDS: usize = 100;
const BOOKING_STATUSES: [&str; 6] = ["requested", "booked", "rescheduled", "canceled", "rejected", "no_show"];
const PAYMENT_STATUSES: [&str; 8] =
    ["pending", "paid", "failed", "canceled", "partially_refunded", "refunded", "disputed", "lost"];

type Time = Option<prost_types::Timestamp>;

#[tonic::async_trait]
impl BookkeepingService for Books {
    async fn record_booking(
        &self,
        request: Request<RecordBookingRequest>,
    ) -> Result<Response<RecordBookingResponse>, Status> {
        let RecordBookingRequest { party, booking, .. } = request.into_inner();
        let decoded = decode_party(party).and_then(|party| Ok((party, decode_booking(booking)?)));
        let (party, statement) = decoded.map_err(|fault| status(fault.into()))?;
        let now = (self.clock)();
        let taken = statements::take_booking(&*self.store, &statement, &party, now).await;
        let (booking_id, taken) = taken.map_err(status)?;
        self.ledger.wake();
        let statements::Taken { contact_id, accepted } = taken;
        Ok(Response::new(RecordBookingResponse { booking_id, contact_id, accepted }))
    }

    async fn record_payment(
        &self,
        request: Request<RecordPaymentRequest>,
    ) -> Result<Response<RecordPaymentResponse>, Status> {
        let RecordPaymentRequest { party, payment, .. } = request.into_inner();
        let decoded = decode_party(party).and_then(|party| Ok((party, decode_payment(payment)?)));
        let (party, statement) = decoded.map_err(|fault| status(fault.into()))?;
        let taken = statements::take(&*self.store, &statement, &party).await.map_err(status)?;
        self.ledger.wake();
        let statements::Taken { contact_id, accepted } = taken;
        Ok(Response::new(RecordPaymentResponse { contact_id, accepted }))
    }

    async fn record_subscription(
        &self,
        request: Request<RecordSubscriptionRequest>,
    ) -> Result<Response<RecordSubscriptionResponse>, Status> {
        let RecordSubscriptionRequest { party, subscription, .. } = request.into_inner();
        let decoded = decode_party(party)
            .and_then(|party| Ok((party, decode_subscription(subscription, (self.clock)())?)));
        let (party, statement) = decoded.map_err(|fault| status(fault.into()))?;
        let taken = statements::take(&*self.store, &statement, &party).await.map_err(status)?;
        self.ledger.wake();
        let statements::Taken { contact_id, accepted } = taken;
        Ok(Response::new(RecordSubscriptionResponse { contact_id, accepted }))
    }
}

fn decode_party(wire: Option<WireParty>) -> Result<Party, Fault> {
    let wire = wire.unwrap_or_default();
    let identity = Identity {
        whop_user: optional_id("party.verified_whop_user_id", wire.verified_whop_user_id)?,
        email: address(wire.email),
        phone: address(wire.phone),
        visitor: optional_id("party.visitor_id", wire.visitor_id)?,
        session: optional_id("party.session_id", wire.session_id)?,
        claimed: wire.claimed,
    };
    let place =
        Place { workflow: optional_id("party.workflow", wire.workflow)?, site: text(&wire.site, MAX_TEXT) };
    Ok(Party { identity, name: text(&wire.name, MAX_TEXT), place, page: text(&wire.page, MAX_PAGE) })
}

fn decode_booking(wire: Option<BookingStatement>) -> Result<bookings::Statement, Fault> {
    let wire = wire.ok_or_else(|| wrong("booking", "is required"))?;
    if wire.uids.is_empty() || wire.uids.len() > MAX_UIDS {
        return Err(wrong("booking.uids", &format!("must be 1 to {MAX_UIDS} ids, the first one first")));
    }
    for (index, uid) in wire.uids.iter().enumerate() {
        let is_one = !uid.is_empty() && uid.chars().count() <= MAX_UID;
        if !is_one || uid.contains(|c: char| c.is_whitespace() || c.is_control()) {
            let why = format!("must be 1 to {MAX_UID} characters without a space");
            return Err(wrong(&format!("booking.uids[{index}]"), &why));
        }
    }
    let said = tab::Booking {
        cal_provider: required("booking.provider", &wire.provider)?,
        event_start: Some(time("booking.start_time", wire.start_time)?),
        event_end: optional_time("booking.end_time", wire.end_time)?,
        meeting_type: text(&wire.meeting_type, MAX_TEXT),
        status: one_of("booking.status", wire.status, &BOOKING_STATUSES)?,
        ..Default::default()
    };
    if said.event_end.is_some_and(|end| Some(end) < said.event_start) {
        return Err(wrong("booking.end_time", "must not be before start_time"));
    }
    Ok(bookings::Statement {
        uids: wire.uids,
        version: version("booking.version", wire.version)?,
        created_at: time("booking.create_time", wire.create_time)?,
        was_booked: wire.was_booked,
        said,
    })
}

fn decode_payment(wire: Option<PaymentStatement>) -> Result<Statement<Payment>, Fault> {
    let wire = wire.ok_or_else(|| wrong("payment", "is required"))?;
    let amount =
        money("payment.amount", wire.amount)?.ok_or_else(|| wrong("payment.amount", "is required"))?;
    let refunded = money("payment.refunded", wire.refunded)?;
    if refunded.is_some_and(|refunded| refunded.currency != amount.currency || refunded.minor < 0) {
        return Err(wrong("payment.refunded", "must be 0 or more, in the currency of amount"));
    }
    let row = tab::Payment {
        id: id("payment.payment_id", wire.payment_id)?,
        provider: required("payment.provider", &wire.provider)?,
        amount: Some(amount),
        paid_at: optional_time("payment.pay_time", wire.pay_time)?,
        method: text(&wire.method, MAX_TEXT),
        status: one_of("payment.status", wire.status, &PAYMENT_STATUSES)?,
        invoice_id: optional_id("payment.invoice_id", wire.invoice_id)?,
        ..Default::default()
    };
    Ok(Statement {
        version: version("payment.version", wire.version)?,
        created_at: time("payment.create_time", wire.create_time)?,
        end: End::default(),
        item: Payment::new(row, refunded, metadata("payment.metadata", &wire.metadata)?),
    })
}

fn decode_subscription(
    wire: Option<SubscriptionStatement>,
    now: Timestamp,
) -> Result<Statement<tab::Subscription>, Fault> {
    let wire = wire.ok_or_else(|| wrong("subscription", "is required"))?;
    // What is over and was to end later was broken off.
    let told = optional_time("subscription.end_time", wire.end_time)?.map(|end| end.min(now));
    let item = tab::Subscription {
        id: id("subscription.subscription_id", wire.subscription_id)?,
        contact_id: String::new(),
        provider: required("subscription.provider", &wire.provider)?,
        product: text(&wire.product, MAX_TEXT),
        plan: text(&wire.plan, MAX_TEXT),
        status: required("subscription.status", &wire.status)?,
        started_at: optional_time("subscription.start_time", wire.start_time)?,
        renews_at: optional_time("subscription.renew_time", wire.renew_time)?,
        canceled_at: optional_time("subscription.cancel_time", wire.cancel_time)?,
        mrr: money("subscription.mrr", wire.mrr)?,
    };
    Ok(Statement {
        version: version("subscription.version", wire.version)?,
        created_at: time("subscription.create_time", wire.create_time)?,
        end: End { told, heard: Some(now) },
        item,
    })
}

fn wrong(field: &str, why: &str) -> Fault {
    Fault::invalid(field, format!("{field} {why}"))
}

fn text(value: &str, most: usize) -> String {
    let value = value.trim();
    let end = value.char_indices().nth(most).map_or(value.len(), |(end, _)| end);
    value[..end].trim_end().to_owned()
}

/// An e-mail or a phone; a part of one would be somebody else's.
fn address(value: String) -> String {
    if value.chars().count() > MAX_TEXT { String::new() } else { value.trim().to_owned() }
}

fn required(field: &str, value: &str) -> Result<String, Fault> {
    let value = text(value, MAX_TEXT);
    if value.is_empty() { Err(wrong(field, "is required")) } else { Ok(value) }
}

fn id(field: &str, value: String) -> Result<String, Fault> {
    domain::id::check(&value).map_err(|why| wrong(field, &why.to_string()))?;
    Ok(value)
}

fn optional_id(field: &str, value: String) -> Result<String, Fault> {
    if value.is_empty() { Ok(value) } else { id(field, value) }
}

fn one_of(field: &str, value: String, words: &[&str]) -> Result<String, Fault> {
    if words.contains(&&*value) {
        return Ok(value);
    }
    Err(wrong(field, &format!("must be one of {}", words.join(", "))))
}

fn version(field: &str, value: u64) -> Result<u64, Fault> {
    if value == 0 { Err(wrong(field, "counts from 1")) } else { Ok(value) }
}

fn time(field: &str, wire: Time) -> Result<Timestamp, Fault> {
    optional_time(field, wire)?.ok_or_else(|| wrong(field, "is required"))
}

fn optional_time(field: &str, wire: Time) -> Result<Option<Timestamp>, Fault> {
    let read = |wire| wire::timestamp(wire).ok_or_else(|| wrong(field, "must be a point in time"));
    wire.map(read).transpose()
}

fn money(field: &str, wire: Option<common::Money>) -> Result<Option<Money>, Fault> {
    let read = |common::Money { minor_units, currency_code }| {
        let currency = currency_code.parse().map_err(|why: domain::money::UnknownCurrency| {
            wrong(&format!("{field}.currency_code"), &why.to_string())
        })?;
        Ok(Money { minor: minor_units, currency })
    };
    wire.map(read).transpose()
}

fn metadata(field: &str, value: &str) -> Result<Map<String, Value>, Fault> {
    if value.is_empty() {
        return Ok(Map::new());
    }
    let map = serde_json::from_str(value).map_err(|_| wrong(field, "must be the text of a JSON object"))?;
    Ok(fitting(map))
}

/// The entries that fit, their texts cut as all are.
fn fitting(map: Map<String, Value>) -> Map<String, Value> {
    // The braces.
    let mut bytes = 2;
    let cut = |(name, value): (String, Value)| match value {
        Value::String(said) => (name, Value::String(text(&said, MAX_TEXT))),
        value => (name, value),
    };
    let fits = |(name, value): &(String, Value)| {
        // A colon and a comma.
        let more = Value::from(name.as_str()).to_string().len() + value.to_string().len() + 2;
        let fits = bytes + more <= MAX_METADATA;
        bytes += if fits { more } else { 0 };
        fits
    };
    map.into_iter().map(cut).filter(fits).collect()
}
