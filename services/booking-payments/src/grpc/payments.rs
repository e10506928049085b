//! `PaymentService` on the wire.

use domain::Fault;
use proto::booking::v1::{
    Attendee as WireAttendee, Booking, BookingStatus, Checkout as WireCheckout, CheckoutStatus,
    CreateCheckoutRequest, CreateCheckoutResponse, ExpireCheckoutRequest, ExpireCheckoutResponse,
    GetCheckoutRequest, GetCheckoutResponse, GetReturnPageRequest, GetReturnPageResponse, Item as WireItem,
    ListCheckoutsRequest, ListCheckoutsResponse, ListItemsRequest, ListItemsResponse, MeetingOutcome, Slot,
    payment_service_server::PaymentService,
};
use providers::{
    error::{Error, refuse},
    owner::Owner,
};
use tonic::{Request, Response, Status};

use super::{check_request_id, read_time, wire_time};
use crate::{
    bookings::local,
    till::{self, Attendee, Checkout, Item, Meeting, Order, Payment, Shown, Till},
};

/// Links of a page, where the caller does not say.
const PAGE: i32 = 20;
/// Most links of a page.
const LONGEST_PAGE: i32 = 100;
/// Longest text of a caller's, in bytes.
const LONGEST_TEXT: usize = 320;

/// `PaymentService`.
pub(crate) struct Service {
    /// The till.
    pub(crate) till: Till,
}

#[tonic::async_trait]
impl PaymentService for Service {
    async fn list_items(
        &self,
        request: Request<ListItemsRequest>,
    ) -> Result<Response<ListItemsResponse>, Status> {
        let workflow = request.into_inner().caller.unwrap_or_default().workflow;
        if workflow.is_empty() {
            return Err(refuse(no_workflow().into()));
        }
        let items = self.till.catalogue().items(&workflow).iter().map(encode_item).collect();
        Ok(Response::new(ListItemsResponse { items }))
    }

    async fn create_checkout(
        &self,
        request: Request<CreateCheckoutRequest>,
    ) -> Result<Response<CreateCheckoutResponse>, Status> {
        let (owner, order) = decode_order(request.into_inner()).map_err(|fault| refuse(fault.into()))?;
        let checkout = self.till.create(owner, order).await.map_err(refuse)?;
        let checkout = Some(self.encode(checkout).await.map_err(refuse)?);
        Ok(Response::new(CreateCheckoutResponse { checkout }))
    }

    async fn get_checkout(
        &self,
        request: Request<GetCheckoutRequest>,
    ) -> Result<Response<GetCheckoutResponse>, Status> {
        let GetCheckoutRequest { caller, checkout_id } = request.into_inner();
        let caller = Owner::of(caller).map_err(|fault| refuse(fault.into()))?;
        let checkout = self.till.get(&caller, &checkout_id).await.map_err(refuse)?;
        let checkout = Some(self.encode(checkout).await.map_err(refuse)?);
        Ok(Response::new(GetCheckoutResponse { checkout }))
    }

    async fn list_checkouts(
        &self,
        request: Request<ListCheckoutsRequest>,
    ) -> Result<Response<ListCheckoutsResponse>, Status> {
        let ListCheckoutsRequest { caller, page_size, page_token } = request.into_inner();
        let caller = Owner::of(caller).map_err(|fault| refuse(fault.into()))?;
        let page = self.page(&caller, page_size, &page_token).await.map_err(refuse)?;
        Ok(Response::new(page))
    }

    async fn expire_checkout(
        &self,
        request: Request<ExpireCheckoutRequest>,
    ) -> Result<Response<ExpireCheckoutResponse>, Status> {
        let ExpireCheckoutRequest { caller, request_id, checkout_id } = request.into_inner();
        let caller = Owner::of(caller)
            .and_then(|caller| check_request_id(&request_id).map(|()| caller))
            .map_err(|fault| refuse(fault.into()))?;
        let checkout = self.till.expire(&caller, &checkout_id).await.map_err(refuse)?;
        let checkout = Some(self.encode(checkout).await.map_err(refuse)?);
        Ok(Response::new(ExpireCheckoutResponse { checkout }))
    }

    async fn get_return_page(
        &self,
        request: Request<GetReturnPageRequest>,
    ) -> Result<Response<GetReturnPageResponse>, Status> {
        let shown = self.till.return_page(&request.into_inner().token).await.map_err(refuse)?;
        Ok(Response::new(encode_page(shown, self.till.now())))
    }
}

impl Service {
    async fn page(&self, caller: &Owner, size: i32, token: &str) -> Result<ListCheckoutsResponse, Error> {
        let size = match size {
            0 => PAGE,
            1..=LONGEST_PAGE => size,
            _ => return Err(Fault::invalid("page_size", "page_size must be 0 to 100").into()),
        };
        if !token.is_empty() && domain::id::check(token).is_err() {
            return Err(Fault::invalid("page_token", "page_token is none of this list").into());
        }
        let size = usize::try_from(size).unwrap_or_default();
        let wanted = u32::try_from(size).unwrap_or_default() + 1;
        let mut found = self.till.list(caller, token, wanted).await?;
        let is_last = found.len() <= size;
        found.truncate(size);
        let last = found.last().map(|checkout| checkout.place.clone());
        let mut checkouts = Vec::with_capacity(found.len());
        for checkout in found {
            checkouts.push(self.encode(checkout).await?);
        }
        let next_page_token = last.filter(|_| !is_last).unwrap_or_default();
        Ok(ListCheckoutsResponse { checkouts, next_page_token })
    }

    async fn encode(&self, checkout: Checkout) -> Result<WireCheckout, Error> {
        let payment = self.till.payment_of(&checkout).await?;
        let booking = self.till.booking_of(&checkout).await?;
        Ok(encode(checkout, payment, booking, self.till.now()))
    }
}

fn no_workflow() -> Fault {
    Fault::invalid("caller.workflow", "caller.workflow is required")
}

fn decode_order(request: CreateCheckoutRequest) -> Result<(Owner, Order), Fault> {
    let CreateCheckoutRequest { caller, request_id, item_id, start_time, attendee, page, thread_id } =
        request;
    let owner = Owner::at(caller, page, thread_id)?;
    if owner.workflow.is_empty() {
        return Err(no_workflow());
    }
    check_request_id(&request_id)?;
    let start = read_time(start_time, "start_time")?;
    let attendee = decode_attendee(attendee.unwrap_or_default())?;
    let order = Order { request_id, item: item_id, start, attendee };
    Ok((owner, order))
}

fn decode_attendee(attendee: WireAttendee) -> Result<Attendee, Fault> {
    let WireAttendee { name, email, phone, time_zone, language } = attendee;
    for (field, text) in [
        ("attendee.name", &name),
        ("attendee.email", &email),
        ("attendee.phone", &phone),
        ("attendee.time_zone", &time_zone),
        ("attendee.language", &language),
    ] {
        if text.len() > LONGEST_TEXT || text.chars().any(char::is_control) {
            return Err(Fault::invalid(field, format!("{field} must be a line of at most 320 bytes")));
        }
    }
    let is_email = email.split_once('@').is_some_and(|(local, host)| !local.is_empty() && host.contains('.'));
    if !email.is_empty() && !is_email {
        return Err(Fault::invalid("attendee.email", "attendee.email must be an e-mail address"));
    }
    let time_zone = match time_zone.as_str() {
        "" => String::new(),
        zone => crate::bookings::terms::zone(zone, "attendee.time_zone")?,
    };
    Ok(Attendee { name, email, phone, time_zone, language })
}

fn encode_item(item: &Item) -> WireItem {
    WireItem {
        item_id: item.id.clone(),
        name: item.name.clone(),
        description: item.description.clone(),
        price: Some(till::wire(item.price)),
        interval: item.interval().to_owned(),
        event_type_slug: item.meeting.clone().unwrap_or_default(),
    }
}

fn encode(
    checkout: Checkout,
    payment: Option<Payment>,
    booking: Option<Booking>,
    now: jiff::Timestamp,
) -> WireCheckout {
    let zone = checkout.attendee.time_zone.as_str();
    let slot = |start: &jiff::Timestamp| Slot {
        start_time: Some(wire_time(*start)),
        local_start: local(*start, zone),
    };
    let paid = payment.as_ref().filter(|payment| payment.status.has_come());
    let refunded = paid.filter(|payment| payment.refunded.minor != 0);
    WireCheckout {
        item: Some(encode_item(&checkout.item)),
        url: checkout.pay_url(now).to_owned(),
        status: encode_status(checkout.status).into(),
        create_time: Some(wire_time(checkout.created_at)),
        expire_time: Some(wire_time(checkout.expires_at)),
        paid: paid.map(|payment| till::wire(payment.amount)),
        refunded: refunded.map(|payment| till::wire(payment.refunded)),
        payment_id: payment.as_ref().map(|payment| payment.id.clone()).unwrap_or_default(),
        meeting: encode_meeting(checkout.meeting).into(),
        booking,
        next_slots: checkout.next_starts.iter().map(slot).collect(),
        start_time: checkout.start.map(wire_time),
        checkout_id: checkout.id,
    }
}

fn encode_page(shown: Shown, now: jiff::Timestamp) -> GetReturnPageResponse {
    let Shown { checkout, payment, booking, back_url } = shown;
    let refunded = payment.filter(|payment| payment.refunded.minor != 0).map(|payment| payment.refunded);
    let is_off = |status| matches!(status, BookingStatus::Canceled | BookingStatus::Rejected);
    let meeting = match &booking {
        Some(booking) if is_off(booking.status()) => MeetingOutcome::Canceled,
        _ => encode_meeting(checkout.meeting),
    };
    // A meeting may have been moved since it was paid.
    let moved = booking.as_ref().and_then(|booking| booking.start_time.and_then(proto::time::read));
    let start = moved.or(checkout.start);
    let zone = checkout.attendee.time_zone.as_str();
    GetReturnPageResponse {
        status: encode_status(checkout.status).into(),
        item_name: checkout.item.name.clone(),
        price: Some(till::wire(checkout.amount())),
        meeting: meeting.into(),
        local_start: start.map(|start| local(start, zone)).unwrap_or_default(),
        next_local_starts: checkout.next_starts.iter().map(|start| local(*start, zone)).collect(),
        pay_url: checkout.pay_url(now).to_owned(),
        back_url,
        time_zone: zone.to_owned(),
        refunded: refunded.map(till::wire),
    }
}

fn encode_status(status: till::Status) -> CheckoutStatus {
    match status {
        till::Status::Preparing | till::Status::Open => CheckoutStatus::Open,
        till::Status::Pending => CheckoutStatus::Pending,
        till::Status::Paid => CheckoutStatus::Paid,
        till::Status::Expired => CheckoutStatus::Expired,
        till::Status::Canceled => CheckoutStatus::Canceled,
        till::Status::Failed => CheckoutStatus::Failed,
    }
}

fn encode_meeting(meeting: Meeting) -> MeetingOutcome {
    match meeting {
        Meeting::None => MeetingOutcome::Unspecified,
        Meeting::Held => MeetingOutcome::Held,
        Meeting::Booking => MeetingOutcome::Booking,
        Meeting::Booked => MeetingOutcome::Booked,
        Meeting::SlotLost => MeetingOutcome::SlotLost,
        Meeting::Released => MeetingOutcome::Released,
    }
}
