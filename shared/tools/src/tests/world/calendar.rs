//! Meetings.

use chassis::status::status;
use domain::{Fault, Kind, Reason, id::digest};
use proto::{
    booking::v1::{
        Attendee, Booking, BookingStatus, CancelBookingRequest, CancelBookingResponse, CreateBookingRequest,
        CreateBookingResponse, EventType, GetBookingLinkRequest, GetBookingLinkResponse, GetBookingRequest,
        GetBookingResponse, ListBookingsRequest, ListBookingsResponse, ListEventTypesRequest,
        ListEventTypesResponse, ListSlotsRequest, ListSlotsResponse, RescheduleBookingRequest,
        RescheduleBookingResponse, ReserveSlotRequest, ReserveSlotResponse, Slot,
        booking_service_server::BookingService,
    },
    common::v1::Caller,
};
use tonic::{Request, Response, Status};

use super::{Desk, FREE, MEETING, Person, SOLD, TAKEN, World, never, owns, refused, time, visitor};

/// What somebody has booked.
pub(super) fn of_person(person: &Person) -> Booking {
    let attendee = Attendee {
        name: person.name.into(),
        email: format!("{}@example.com", person.name),
        time_zone: "Europe/Berlin".into(),
        ..Attendee::default()
    };
    Booking {
        booking_id: format!("bkg_{}", person.name),
        title: format!("Intro with {}", person.secret()),
        status: BookingStatus::Booked.into(),
        start_time: time("2026-11-25T09:00:00Z"),
        end_time: time("2026-11-25T09:30:00Z"),
        attendee: Some(attendee),
        location: format!("https://meet.example/{}", person.secret()),
        ..Booking::default()
    }
}

pub(super) fn check_start(start: Option<prost_types::Timestamp>) -> Result<(), Status> {
    if start == time(TAKEN) {
        let taken = Fault::new(Kind::AlreadyExists, Reason::SlotTaken, "the slot is taken");
        return Err(status(&taken.with("next_slots", format!("{FREE},2026-12-01T11:00:00Z"))));
    }
    match start {
        Some(_) => Ok(()),
        None => Err(status(&Fault::invalid("start_time", "start_time is required"))),
    }
}

fn unknown() -> Status {
    refused(Kind::NotFound, Reason::BookingUnknown, "there is no such booking")
}

impl Desk {
    fn booking(&mut self, id: &str, caller: &Caller) -> Result<&mut Booking, Status> {
        let found = self.bookings.get_mut(id).filter(|(owner, _)| owns(owner, caller));
        found.map(|(_, booking)| booking).ok_or_else(unknown)
    }
}

#[tonic::async_trait]
impl BookingService for World {
    async fn list_event_types(
        &self,
        request: Request<ListEventTypesRequest>,
    ) -> Result<Response<ListEventTypesResponse>, Status> {
        self.begin("list_event_types", request.into_inner().caller)?;
        let one = |slug: &str, sold| EventType {
            slug: slug.into(),
            title: slug.replace('-', " "),
            length_minutes: 30,
            sold,
            ..EventType::default()
        };
        self.end(ListEventTypesResponse { event_types: vec![one(MEETING, false), one(SOLD, true)] })
    }

    async fn list_slots(
        &self,
        request: Request<ListSlotsRequest>,
    ) -> Result<Response<ListSlotsResponse>, Status> {
        let request = request.into_inner();
        let caller = self.begin("list_slots", request.caller)?;
        if !request.booking_id.is_empty() {
            visitor(&caller)?;
            self.desk().booking(&request.booking_id, &caller)?;
        }
        if ![MEETING, SOLD, ""].contains(&request.event_type_slug.as_str()) {
            return Err(refused(Kind::NotFound, Reason::EventTypeUnknown, "there is no such event type"));
        }
        let slot = |text: &str| Slot { start_time: time(text), local_start: String::new() };
        self.end(ListSlotsResponse { slots: vec![slot(FREE), slot("2026-12-01T11:00:00Z")] })
    }

    async fn create_booking(
        &self,
        request: Request<CreateBookingRequest>,
    ) -> Result<Response<CreateBookingResponse>, Status> {
        let request = request.into_inner();
        let caller = self.begin("create_booking", request.caller.clone())?;
        let owner = visitor(&caller)?;
        if request.event_type_slug == SOLD {
            return Err(refused(Kind::Precondition, Reason::PaymentRequired, "this meeting is sold by link"));
        }
        if request.event_type_slug != MEETING {
            return Err(refused(Kind::NotFound, Reason::EventTypeUnknown, "there is no such event type"));
        }
        let id = self.once("create_booking", &caller, &request.request_id, |desk| {
            check_start(request.start_time)?;
            let booking = Booking {
                booking_id: format!("bkg_{}", digest(&[&owner, &request.request_id])),
                title: "Intro call".into(),
                status: BookingStatus::Booked.into(),
                start_time: request.start_time,
                end_time: request.start_time,
                attendee: request.attendee.clone(),
                location: "https://meet.example/own".into(),
                ..Booking::default()
            };
            let id = booking.booking_id.clone();
            desk.bookings.insert(id.clone(), (owner.clone(), booking));
            Ok(id)
        })?;
        let booking = self.desk().booking(&id, &caller)?.clone();
        self.end(CreateBookingResponse { booking: Some(booking) })
    }

    async fn reschedule_booking(
        &self,
        request: Request<RescheduleBookingRequest>,
    ) -> Result<Response<RescheduleBookingResponse>, Status> {
        let request = request.into_inner();
        let caller = self.begin("reschedule_booking", request.caller.clone())?;
        visitor(&caller)?;
        self.desk().booking(&request.booking_id, &caller)?;
        let id = self.once("reschedule_booking", &caller, &request.request_id, |desk| {
            check_start(request.start_time)?;
            let booking = desk.booking(&request.booking_id, &caller)?;
            (booking.start_time, booking.reschedules) = (request.start_time, booking.reschedules + 1);
            Ok(request.booking_id.clone())
        })?;
        let booking = self.desk().booking(&id, &caller)?.clone();
        self.end(RescheduleBookingResponse { booking: Some(booking) })
    }

    async fn cancel_booking(
        &self,
        request: Request<CancelBookingRequest>,
    ) -> Result<Response<CancelBookingResponse>, Status> {
        let request = request.into_inner();
        let caller = self.begin("cancel_booking", request.caller.clone())?;
        visitor(&caller)?;
        self.desk().booking(&request.booking_id, &caller)?;
        let id = self.once("cancel_booking", &caller, &request.request_id, |desk| {
            desk.booking(&request.booking_id, &caller)?.set_status(BookingStatus::Canceled);
            Ok(request.booking_id.clone())
        })?;
        let booking = self.desk().booking(&id, &caller)?.clone();
        self.end(CancelBookingResponse { booking: Some(booking) })
    }

    async fn list_bookings(
        &self,
        request: Request<ListBookingsRequest>,
    ) -> Result<Response<ListBookingsResponse>, Status> {
        let caller = self.begin("list_bookings", request.into_inner().caller)?;
        visitor(&caller)?;
        let desk = self.desk();
        let own = desk.bookings.values().filter(|(owner, _)| owns(owner, &caller));
        let bookings = own.map(|(_, booking)| booking.clone()).collect();
        drop(desk);
        self.end(ListBookingsResponse { bookings, next_page_token: String::new() })
    }

    never! {
        reserve_slot(ReserveSlotRequest) -> ReserveSlotResponse;
        get_booking(GetBookingRequest) -> GetBookingResponse;
        get_booking_link(GetBookingLinkRequest) -> GetBookingLinkResponse;
    }
}
