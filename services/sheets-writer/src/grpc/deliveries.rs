//! Outgoing events over gRPC.

use std::sync::Arc;

use domain::Fault;
use proto::sheets::v1::{
    self as pb, DeliveryState, ListDeliveriesRequest, ListDeliveriesResponse, ListDestinationsRequest,
    ListDestinationsResponse, ListEventTypesRequest, ListEventTypesResponse, ResendDeliveryRequest,
    ResendDeliveryResponse, TestDeliveryRequest, TestDeliveryResponse,
    delivery_service_server::DeliveryService,
};
use store::Found;
use tonic::{Request, Response, Status};

use super::{page::Page, status};
use crate::{
    deliveries::{
        Deliveries, Outlet, Tested, catalogue,
        record::{Record, State},
    },
    error::Error,
    wire::wire_time,
};

/// The service of outgoing events.
#[derive(Clone)]
pub(crate) struct Dispatch(pub(crate) Arc<Deliveries>);

// === impl Dispatch ===

impl Dispatch {
    async fn list(&self, request: ListDeliveriesRequest) -> Result<ListDeliveriesResponse, Error> {
        let state = match request.state() {
            DeliveryState::Waiting => State::Waiting,
            DeliveryState::Parked => State::Parked,
            DeliveryState::Done => State::Done,
            DeliveryState::Unspecified => return Err(Fault::invalid("state", "state is required").into()),
        };
        let page = Page::of(request.page_size, request.page_token)?;
        let destination = &*request.destination;
        let read = async |limit, after| {
            let (found, next) = self.0.list(state, destination, limit, after).await?;
            Ok((found.into_iter().map(delivery).collect(), next))
        };
        let (deliveries, next_page_token) = page.fill(read).await?;
        Ok(ListDeliveriesResponse { deliveries, next_page_token })
    }

    async fn resend(&self, request: ResendDeliveryRequest) -> Result<ResendDeliveryResponse, Error> {
        let resent = match (request.delivery_id.as_str(), request.destination.as_str()) {
            ("", "") => {
                let why = "delivery_id or destination is required";
                return Err(Fault::invalid("delivery_id", why).into());
            }
            (delivery_id, "") => self.0.resend(delivery_id).await?,
            ("", destination) => self.0.resend_parked(destination).await?,
            _ => {
                let why = "destination must be empty where a delivery_id is given";
                return Err(Fault::invalid("destination", why).into());
            }
        };
        Ok(ResendDeliveryResponse { resent: resent.try_into().unwrap_or(i32::MAX) })
    }

    async fn test(&self, request: TestDeliveryRequest) -> Result<TestDeliveryResponse, Error> {
        let Tested { event_id, answer, took } =
            self.0.test(&request.destination, &request.event_type).await?;
        Ok(TestDeliveryResponse {
            delivered: answer.error.is_none(),
            status: answer.status.unwrap_or_default().into(),
            error: answer.error.unwrap_or_default(),
            duration_ms: took.as_millis().try_into().unwrap_or(i64::MAX),
            event_id,
        })
    }
}

fn delivery(found: Found<Record>) -> pb::Delivery {
    let Found { id, value, .. } = found;
    let state = match value.state {
        State::Waiting => DeliveryState::Waiting,
        State::Parked => DeliveryState::Parked,
        State::Done => DeliveryState::Done,
    };
    pb::Delivery {
        delivery_id: id,
        destination: value.destination,
        event_id: value.event_id,
        event_type: value.kind,
        version: value.version.try_into().unwrap_or(i32::MAX),
        state: state.into(),
        create_time: Some(wire_time(value.created_at)),
        due_time: (value.state == State::Waiting).then(|| wire_time(value.due_at)),
        attempts: value.attempts.try_into().unwrap_or(i32::MAX),
        status: value.status.unwrap_or_default().into(),
        error: value.error.unwrap_or_default(),
        done_time: value.done_at.map(wire_time),
    }
}

fn destination(outlet: &Arc<Outlet>) -> pb::Destination {
    let known = &outlet.destination;
    pb::Destination {
        name: known.name.clone(),
        origin: known.address.origin(),
        types: known.wants.types.clone(),
        workflows: known.wants.workflows.clone(),
        sites: known.wants.sites.clone(),
        signed: known.keys.is_some(),
        switched_off: outlet.is_off(),
    }
}

#[tonic::async_trait]
impl DeliveryService for Dispatch {
    async fn list_deliveries(
        &self,
        request: Request<ListDeliveriesRequest>,
    ) -> Result<Response<ListDeliveriesResponse>, Status> {
        self.list(request.into_inner()).await.map(Response::new).map_err(status)
    }

    async fn resend_delivery(
        &self,
        request: Request<ResendDeliveryRequest>,
    ) -> Result<Response<ResendDeliveryResponse>, Status> {
        self.resend(request.into_inner()).await.map(Response::new).map_err(status)
    }

    async fn test_delivery(
        &self,
        request: Request<TestDeliveryRequest>,
    ) -> Result<Response<TestDeliveryResponse>, Status> {
        self.test(request.into_inner()).await.map(Response::new).map_err(status)
    }

    async fn list_event_types(
        &self,
        _: Request<ListEventTypesRequest>,
    ) -> Result<Response<ListEventTypesResponse>, Status> {
        let wire = |entry: catalogue::EventType| pb::EventType {
            event_type: entry.name.to_owned(),
            version: entry.version.try_into().unwrap_or(i32::MAX),
            description: entry.description,
            schema_json: entry.schema.to_owned(),
            example_json: entry.example.to_string(),
        };
        let event_types = catalogue::all().into_iter().map(wire).collect();
        Ok(Response::new(ListEventTypesResponse { event_types }))
    }

    async fn list_destinations(
        &self,
        _: Request<ListDestinationsRequest>,
    ) -> Result<Response<ListDestinationsResponse>, Status> {
        let destinations = self.0.outlets().iter().map(destination).collect();
        Ok(Response::new(ListDestinationsResponse { destinations }))
    }
}
