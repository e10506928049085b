//! The agent's words with booking-payments, and people who talk to it.

use std::time::{Duration, Instant};

use chassis::Link;
use jiff::{SignedDuration, Timestamp};
use prost_types::Timestamp as WireTime;
use proto::{
    booking::v1::{
        Attendee, Booking, Checkout, CreateBookingRequest, CreateCheckoutRequest, GetBookingRequest,
        GetCheckoutRequest, booking_service_client::BookingServiceClient,
        payment_service_client::PaymentServiceClient,
    },
    common::v1::{
        Caller, InboxState, ListInboxRequest, TickRequest, operations_service_client::OperationsServiceClient,
    },
    sheets::v1::{LeadFacts, SaveLeadRequest, lead_service_client::LeadServiceClient},
};
use sandbox::{Sandbox, Visit};
use serde_json::{Map, Value};
use tonic::Status;

use crate::{
    story::answer::Answer,
    world::{PATIENCE, World, until},
};

/// The workflow that sells.
pub(super) const WORKFLOW: &str = "lead-concierge";
/// Starts of the stories lie at least so far ahead, whatever else moves.
const NOTICE: SignedDuration = SignedDuration::from_hours(72);

/// Somebody with an address of their own.
#[derive(Clone)]
pub(super) struct Guest {
    pub(super) caller: Caller,
    pub(super) name: String,
    pub(super) email: String,
    pub(super) time_zone: String,
}

// === impl Guest ===

impl Guest {
    pub(super) fn new(number: u32) -> Self {
        Self {
            caller: Caller {
                visitor_id: format!("vis_{number:032x}"),
                workflow: WORKFLOW.to_owned(),
                session_id: format!("ses_{number}"),
                site: "www.example.com".to_owned(),
                ..Caller::default()
            },
            name: format!("Guest{number} Example"),
            email: format!("guest{number}@example.com"),
            time_zone: "Europe/Berlin".to_owned(),
        }
    }

    pub(super) fn attendee(&self) -> Attendee {
        Attendee {
            name: self.name.clone(),
            email: self.email.clone(),
            time_zone: self.time_zone.clone(),
            ..Attendee::default()
        }
    }

    /// Somebody of the same name on the public page.
    pub(super) fn visit(&self, event_type: i64, start: Timestamp) -> Visit {
        Visit {
            event_type,
            start,
            name: self.name.clone(),
            email: self.email.clone(),
            time_zone: self.time_zone.clone(),
            metadata: Map::new(),
            page_was_open: false,
        }
    }

    /// The agent books for them.
    pub(super) async fn book(&self, world: &World, event_type: i64, start: Timestamp) -> Booking {
        self.try_book(world, event_type, start).await.unwrap()
    }

    pub(super) async fn try_book(
        &self,
        world: &World,
        event_type_id: i64,
        start: Timestamp,
    ) -> Result<Booking, Status> {
        let request = CreateBookingRequest {
            caller: Some(self.caller.clone()),
            request_id: format!("book-{start}"),
            event_type_id,
            start_time: wire(start),
            attendee: Some(self.attendee()),
            page: "/services".to_owned(),
            ..CreateBookingRequest::default()
        };
        Ok(world.meetings().create_booking(request).await?.into_inner().booking.unwrap())
    }

    pub(super) async fn booking(&self, world: &World, id: &str) -> Booking {
        let request = GetBookingRequest { caller: Some(self.caller.clone()), booking_id: id.to_owned() };
        world.meetings().get_booking(request).await.unwrap().into_inner().booking.unwrap()
    }

    /// The agent makes a link for them.
    pub(super) async fn checkout(&self, world: &World, item: &str, start: Option<Timestamp>) -> Checkout {
        self.try_checkout(world, item, start).await.unwrap()
    }

    /// What the agent asks for to sell them something.
    pub(super) fn order(&self, item: &str, start: Option<Timestamp>) -> CreateCheckoutRequest {
        CreateCheckoutRequest {
            caller: Some(self.caller.clone()),
            request_id: format!("pay-{item}-{}", start.map(|at| at.to_string()).unwrap_or_default()),
            item_id: item.to_owned(),
            start_time: start.and_then(wire),
            attendee: Some(self.attendee()),
            page: "/services".to_owned(),
            ..CreateCheckoutRequest::default()
        }
    }

    pub(super) async fn try_checkout(
        &self,
        world: &World,
        item: &str,
        start: Option<Timestamp>,
    ) -> Result<Checkout, Status> {
        let request = self.order(item, start);
        Ok(world.payments().create_checkout(request).await?.into_inner().checkout.unwrap())
    }

    /// How a link stands.
    pub(super) async fn look(&self, world: &World, id: &str) -> Checkout {
        let request = GetCheckoutRequest { caller: Some(self.caller.clone()), checkout_id: id.to_owned() };
        world.payments().get_checkout(request).await.unwrap().into_inner().checkout.unwrap()
    }

    /// Waits until a link stands as wanted.
    pub(super) async fn look_until(
        &self,
        world: &World,
        id: &str,
        holds: impl Fn(&Checkout) -> bool,
    ) -> Checkout {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let checkout = self.look(world, id).await;
            if holds(&checkout) {
                return checkout;
            }
            assert!(Instant::now() < deadline, "it stays {checkout:?}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// The agent saves a lead of theirs. What Stripe times to the second comes after it.
    pub(super) async fn save_lead(&self, world: &World) {
        let facts = LeadFacts {
            email: self.email.clone(),
            intent: "buy_inquiry".to_owned(),
            budget_range: "5000".to_owned(),
            ..LeadFacts::default()
        };
        let request = SaveLeadRequest {
            caller: Some(self.caller.clone()),
            request_id: "lead".to_owned(),
            facts: Some(facts),
            said_time: None,
        };
        let link = Link::new(&world.service("sheets-writer").parse().unwrap()).unwrap();
        LeadServiceClient::new(link).save_lead(request).await.unwrap();
        let second = Timestamp::now().as_second();
        until("the next second", || Timestamp::now().as_second() > second).await;
    }
}

impl World {
    pub(super) fn till(&self) -> Link {
        Link::new(&self.service("booking-payments").parse().unwrap()).unwrap()
    }

    /// The services that follow what providers do.
    pub(super) fn followers(&self) -> [Link; 2] {
        let link = |name: &str| Link::new(&self.service(name).parse().unwrap()).unwrap();
        [booking_payments::NAME, whop_gateway::NAME].map(link)
    }

    pub(super) fn meetings(&self) -> BookingServiceClient<Link> {
        BookingServiceClient::new(self.till())
    }

    pub(super) fn payments(&self) -> PaymentServiceClient<Link> {
        PaymentServiceClient::new(self.till())
    }

    /// Starts that are free at the calendar, none of them soon.
    pub(super) fn starts(&self, event_type: i64) -> Vec<Timestamp> {
        starts(self.sandbox(), event_type)
    }

    /// Stripe's session of a link.
    pub(super) fn stripe_session(&self, checkout: &str) -> Value {
        let sessions = self.sandbox().till().all("checkout.session").unwrap();
        let found = sessions.into_iter().find(|session| session["client_reference_id"] == checkout);
        found.unwrap_or_else(|| panic!("no session of {checkout}"))
    }

    /// The id of Stripe's session of a link.
    pub(super) fn session_id(&self, checkout: &str) -> String {
        self.stripe_session(checkout)["id"].as_str().unwrap().to_owned()
    }

    /// The page to which a link returns, as people see it.
    pub(super) async fn return_page(&self, checkout: &str) -> String {
        let url = self.stripe_session(checkout)["success_url"].as_str().unwrap().to_owned();
        let answer = Answer::of(self.http.get(url)).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        answer.text
    }
}

/// Starts that are free at a calendar, none of them soon.
pub(super) fn starts(sandbox: &Sandbox, event_type: i64) -> Vec<Timestamp> {
    let soon = Timestamp::now() + NOTICE;
    sandbox.calendar().free(event_type, 21).into_iter().filter(|start| *start > soon).collect()
}

/// Waits until a till has nothing to do.
pub(super) async fn is_idle(till: &Link) {
    let mut operations = OperationsServiceClient::new(till.clone());
    let deadline = Instant::now() + PATIENCE;
    loop {
        let waiting = ListInboxRequest { state: InboxState::Waiting.into(), ..ListInboxRequest::default() };
        let waiting = operations.list_inbox(waiting).await.unwrap().into_inner().messages;
        let ticked = operations.tick(TickRequest {}).await.unwrap().into_inner();
        if waiting.is_empty() && ticked.done.is_empty() {
            return;
        }
        assert!(Instant::now() < deadline, "it is never idle: {waiting:?} {ticked:?}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// A time on the wire.
pub(super) fn wire(at: Timestamp) -> Option<WireTime> {
    Some(WireTime { seconds: at.as_second(), nanos: at.subsec_nanosecond() })
}

/// A time from the wire.
pub(super) fn at(time: Option<WireTime>) -> Timestamp {
    let time = time.unwrap();
    Timestamp::new(time.seconds, time.nanos).unwrap()
}
