//! `BookingService` on the wire.

use domain::Fault;
use jiff::Timestamp;
use proto::{
    booking::v1::{
        Attendee as WireAttendee, Booking, BookingStatus, CancelBookingRequest, CancelBookingResponse,
        CreateBookingRequest, CreateBookingResponse, EventType as WireEventType, GetBookingLinkRequest,
        GetBookingLinkResponse, GetBookingRequest, GetBookingResponse, ListBookingsRequest,
        ListBookingsResponse, ListEventTypesRequest, ListEventTypesResponse, ListSlotsRequest,
        ListSlotsResponse, RescheduleBookingRequest, RescheduleBookingResponse, ReserveSlotRequest,
        ReserveSlotResponse, Slot as WireSlot, booking_service_server::BookingService,
    },
    common::v1::Caller,
};
use providers::{
    error::{Error, refuse},
    owner::Owner,
};
use tonic::{Request, Response, Status};

use super::{read_time, wire_time};
use crate::{
    bookings::{Asked, Calendar, Meeting, Order, Shown, Status as Standing, local, terms},
    calcom::{Range, wire::EventType},
};

/// Slots of a page if nobody says how many.
const SLOTS: i32 = 50;
/// Most slots of a page.
const MOST_SLOTS: i32 = 200;
/// Bookings of a page if nobody says how many.
const BOOKINGS: i32 = 20;
/// Most bookings of a page.
const MOST_BOOKINGS: i32 = 100;

/// `BookingService`.
pub(crate) struct Service {
    calendar: Calendar,
}

impl Service {
    /// The service of a calendar.
    pub(crate) fn new(calendar: Calendar) -> Self {
        Self { calendar }
    }
}

#[tonic::async_trait]
impl BookingService for Service {
    async fn list_event_types(
        &self,
        _: Request<ListEventTypesRequest>,
    ) -> Result<Response<ListEventTypesResponse>, Status> {
        let all = self.calendar.event_types().await.map_err(refuse)?;
        let event_types = all.iter().filter(|event_type| self.calendar.is_shown(event_type));
        let event_types = event_types.map(|event_type| self.wire_event_type(event_type)).collect();
        Ok(Response::new(ListEventTypesResponse { event_types }))
    }

    async fn list_slots(
        &self,
        request: Request<ListSlotsRequest>,
    ) -> Result<Response<ListSlotsResponse>, Status> {
        let slots = self.slots(request.into_inner()).await.map_err(refuse)?;
        Ok(Response::new(ListSlotsResponse { slots }))
    }

    async fn reserve_slot(
        &self,
        request: Request<ReserveSlotRequest>,
    ) -> Result<Response<ReserveSlotResponse>, Status> {
        let until = self.reserve(request.into_inner()).await.map_err(refuse)?;
        Ok(Response::new(ReserveSlotResponse { until_time: Some(wire_time(until)) }))
    }

    async fn create_booking(
        &self,
        request: Request<CreateBookingRequest>,
    ) -> Result<Response<CreateBookingResponse>, Status> {
        let booking = Some(self.create(request.into_inner()).await.map_err(refuse)?);
        Ok(Response::new(CreateBookingResponse { booking }))
    }

    async fn reschedule_booking(
        &self,
        request: Request<RescheduleBookingRequest>,
    ) -> Result<Response<RescheduleBookingResponse>, Status> {
        let booking = Some(self.reschedule(request.into_inner()).await.map_err(refuse)?);
        Ok(Response::new(RescheduleBookingResponse { booking }))
    }

    async fn cancel_booking(
        &self,
        request: Request<CancelBookingRequest>,
    ) -> Result<Response<CancelBookingResponse>, Status> {
        let booking = Some(self.cancel(request.into_inner()).await.map_err(refuse)?);
        Ok(Response::new(CancelBookingResponse { booking }))
    }

    async fn get_booking(
        &self,
        request: Request<GetBookingRequest>,
    ) -> Result<Response<GetBookingResponse>, Status> {
        let GetBookingRequest { caller, booking_id } = request.into_inner();
        let owner = own(caller).map_err(refuse)?;
        let meeting = self.calendar.owned(&owner, &booking_id).await.map_err(refuse)?;
        Ok(Response::new(GetBookingResponse { booking: Some(wire_booking(&meeting)) }))
    }

    async fn list_bookings(
        &self,
        request: Request<ListBookingsRequest>,
    ) -> Result<Response<ListBookingsResponse>, Status> {
        let ListBookingsRequest { caller, page_size, page_token } = request.into_inner();
        let owner = own(caller).map_err(refuse)?;
        let size = size(page_size, BOOKINGS, MOST_BOOKINGS).map_err(refuse)?;
        let after = Some(page_token.as_str()).filter(|token| !token.is_empty());
        let page = self.calendar.all_owned(&owner, after, size).await.map_err(refuse)?;
        Ok(Response::new(ListBookingsResponse {
            bookings: page.meetings.iter().map(wire_booking).collect(),
            next_page_token: page.next.unwrap_or_default(),
        }))
    }

    async fn get_booking_link(
        &self,
        request: Request<GetBookingLinkRequest>,
    ) -> Result<Response<GetBookingLinkResponse>, Status> {
        let GetBookingLinkRequest { caller, event_type_slug, traits, attendee } = request.into_inner();
        own(caller).map_err(refuse)?;
        let WireAttendee { name, email, .. } = attendee.unwrap_or_default();
        self.calendar.refuse_sold(&event_type_slug).map_err(refuse)?;
        let url = self.calendar.link(&event_type_slug, &traits, &name, &email).map_err(refuse)?;
        Ok(Response::new(GetBookingLinkResponse { url: url.into() }))
    }
}

impl Service {
    async fn slots(&self, request: ListSlotsRequest) -> Result<Vec<WireSlot>, Error> {
        let ListSlotsRequest { caller, event_type_id, event_type_slug, from_time, to_time, .. } = &request;
        let zone = terms::zone(&request.time_zone, "time_zone")?;
        let size = size(request.page_size, SLOTS, MOST_SLOTS)?;
        let now = self.calendar.now();
        let (from, to) = (read_time(*from_time, "from_time")?, read_time(*to_time, "to_time")?);
        let (from, to) = terms::window(from, to, now)?;
        let moving = match request.booking_id.as_str() {
            "" => None,
            id => Some(self.calendar.owned(&own(caller.clone())?, id).await?),
        };
        let event_type = match &moving {
            // What is moved stays what it is, also where visitors could not book it.
            Some(meeting) if *event_type_id == 0 && event_type_slug.is_empty() => meeting.event_type,
            _ => self.calendar.event_type(*event_type_id, event_type_slug, Shown::ToVisitors).await?.id,
        };
        let moving = moving.map(|meeting| meeting.uid().to_owned());
        let starts = self.calendar.slots(Range { event_type, from, to, zone: zone.clone(), moving }).await?;
        let ahead = starts.iter().filter(|start| **start > now && (from..to).contains(*start));
        Ok(ahead.take(size).map(|start| wire_slot(*start, &zone)).collect())
    }

    async fn reserve(&self, request: ReserveSlotRequest) -> Result<Timestamp, Error> {
        let ReserveSlotRequest { caller, request_id, event_type_id, start_time } = request;
        let owner = own(caller)?;
        let start = terms::start(read_time(start_time, "start_time")?, self.calendar.now())?;
        Ok(self.calendar.reserve(&owner, &request_id, event_type_id, start).await?.until)
    }

    async fn create(&self, request: CreateBookingRequest) -> Result<Booking, Error> {
        let CreateBookingRequest { caller, request_id, event_type_id, event_type_slug, start_time, .. } =
            &request;
        let owner = Owner::at(caller.clone(), request.page.clone(), request.thread_id.clone())?;
        let start = terms::start(read_time(*start_time, "start_time")?, self.calendar.now())?;
        let guest = terms::guest(asked(request.attendee.clone().unwrap_or_default()))?;
        let notes = terms::note(request.notes.clone(), "notes")?;
        let event_type = self.calendar.event_type(*event_type_id, event_type_slug, Shown::ToVisitors).await?;
        self.calendar.refuse_sold(&event_type.slug)?;
        let order = Order { event_type: event_type.id, start, guest, notes };
        Ok(wire_booking(&self.calendar.book(&owner, request_id, &order, None).await?))
    }

    fn wire_event_type(&self, event_type: &EventType) -> WireEventType {
        WireEventType {
            event_type_id: event_type.id,
            slug: event_type.slug.clone(),
            title: event_type.title.clone(),
            description: event_type.description.clone().unwrap_or_default(),
            length_minutes: event_type.length_in_minutes,
            sold: self.calendar.is_sold(&event_type.slug),
        }
    }

    async fn reschedule(&self, request: RescheduleBookingRequest) -> Result<Booking, Error> {
        let RescheduleBookingRequest { caller, request_id, booking_id, start_time, reason } = request;
        let owner = own(caller)?;
        // Whose it is comes first: what is wrong with the rest tells nothing of it.
        self.calendar.owned(&owner, &booking_id).await?;
        let start = terms::start(read_time(start_time, "start_time")?, self.calendar.now())?;
        let reason = terms::note(reason, "reason")?;
        let meeting = self.calendar.reschedule(&owner, &request_id, &booking_id, start, &reason).await?;
        Ok(wire_booking(&meeting))
    }

    async fn cancel(&self, request: CancelBookingRequest) -> Result<Booking, Error> {
        let CancelBookingRequest { caller, request_id, booking_id, reason } = request;
        let owner = own(caller)?;
        let reason = terms::note(reason, "reason")?;
        Ok(wire_booking(&self.calendar.cancel(&owner, &request_id, &booking_id, &reason).await?))
    }
}

fn own(caller: Option<Caller>) -> Result<Owner, Error> {
    Ok(Owner::of(caller)?)
}

fn size(asked: i32, default: i32, most: i32) -> Result<usize, Error> {
    let size = if asked == 0 { default } else { asked };
    if !(1..=most).contains(&size) {
        let why = format!("page_size must be 1 to {most}");
        return Err(Fault::invalid("page_size", why).into());
    }
    Ok(usize::try_from(size).expect("it is between 1 and the most"))
}

fn asked(attendee: WireAttendee) -> Asked {
    let WireAttendee { name, email, phone, time_zone, language } = attendee;
    Asked { name, email, phone, time_zone, language }
}

/// A free start, in UTC and in a time zone.
pub(crate) fn wire_slot(start: Timestamp, zone: &str) -> WireSlot {
    WireSlot { start_time: Some(wire_time(start)), local_start: local(start, zone) }
}

/// A meeting as its owner sees it.
pub(crate) fn wire_booking(meeting: &Meeting) -> Booking {
    let attendee = &meeting.attendee;
    let status = match meeting.status {
        Standing::Requested => BookingStatus::Requested,
        Standing::Booked if meeting.no_show => BookingStatus::NoShow,
        Standing::Booked => BookingStatus::Booked,
        Standing::Canceled => BookingStatus::Canceled,
        Standing::Rejected => BookingStatus::Rejected,
    };
    Booking {
        booking_id: meeting.id(),
        event_type_id: meeting.event_type,
        title: meeting.title.clone(),
        status: status.into(),
        start_time: Some(wire_time(meeting.start)),
        end_time: Some(wire_time(meeting.end)),
        local_start: local(meeting.start, &attendee.time_zone),
        local_end: local(meeting.end, &attendee.time_zone),
        attendee: Some(WireAttendee {
            name: attendee.name.clone(),
            email: attendee.email.clone(),
            phone: attendee.phone.clone(),
            time_zone: attendee.time_zone.clone(),
            language: attendee.language.clone(),
        }),
        location: meeting.location.clone(),
        create_time: Some(wire_time(meeting.created_at)),
        uid: meeting.uid().to_owned(),
        reschedules: i32::try_from(meeting.reschedules()).unwrap_or(i32::MAX),
    }
}
