//! The destination that tells people: a service of ours, over gRPC.

use std::{
    net::Ipv4Addr,
    sync::{Arc, Mutex},
    time::Duration,
};

use chassis::{Context, Grpc};
use proto::{
    ops::v1::{
        ListNoticesRequest, ListNoticesResponse, NotifyEventRequest, NotifyEventResponse, NotifyRequest,
        NotifyResponse,
        notify_service_server::{NotifyService, NotifyServiceServer},
    },
    sheets::v1::{
        ListDestinationsRequest, TestDeliveryRequest, delivery_service_client::DeliveryServiceClient,
    },
};
use serde_json::{Value, json};
use tokio::time::Instant;
use tonic::{Request, Response, Status};

use crate::desk::Desk;

/// What it was told, and how often it is away first.
#[derive(Clone, Default)]
struct Copilot(Arc<Mutex<(Vec<Value>, u32)>>);

#[tonic::async_trait]
impl NotifyService for Copilot {
    async fn notify_event(
        &self,
        request: Request<NotifyEventRequest>,
    ) -> Result<Response<NotifyEventResponse>, Status> {
        let mut state = self.0.lock().unwrap();
        if state.1 > 0 {
            state.1 -= 1;
            return Err(Status::unavailable("it is away"));
        }
        let request = request.into_inner();
        let event: Value = serde_json::from_slice(&request.event).unwrap();
        assert_eq!(event["id"], request.request_id.as_str());
        state.0.push(event);
        Ok(Response::new(NotifyEventResponse { wanted: true }))
    }

    async fn notify(&self, _: Request<NotifyRequest>) -> Result<Response<NotifyResponse>, Status> {
        Err(Status::unimplemented("nobody asks"))
    }

    async fn list_notices(
        &self,
        _: Request<ListNoticesRequest>,
    ) -> Result<Response<ListNoticesResponse>, Status> {
        Err(Status::unimplemented("nobody asks"))
    }
}

impl Copilot {
    async fn start(away: u32) -> (String, Self) {
        let copilot = Self(Arc::new(Mutex::new((Vec::new(), away))));
        let listener = chassis::bind(Ipv4Addr::LOCALHOST.into(), 0).await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let server = Grpc::new(proto::FILE_DESCRIPTOR_SET).add(NotifyServiceServer::new(copilot.clone()));
        tokio::spawn(chassis::serve(listener, server.into(), Context::new("ops-copilot", false)));
        (url, copilot)
    }

    /// The events that it was told, once there are so many.
    async fn told(&self, many: usize) -> Vec<Value> {
        let deadline = Instant::now() + Duration::from_secs(20);
        loop {
            let told = self.0.lock().unwrap().0.clone();
            if told.len() >= many {
                return told;
            }
            assert!(Instant::now() < deadline, "{} events of {many}", told.len());
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
}

fn of<'t>(told: &'t [Value], kind: &str) -> &'t Value {
    told.iter().find(|event| event["type"] == kind).unwrap()
}

#[tokio::test]
async fn people_are_told_what_cannot_wait_and_where_it_was_said() {
    let (url, copilot) = Copilot::start(1).await;
    let desk = Desk::with(&[("OPS_COPILOT_ADDR", &url)]).await;
    desk.deliver(json!([
        {"id": "evt_1", "type": "chat.turn", "session_id": "s1", "visitor_id": "vis_1", "thread_id": "thr_1", "score": 0.9},
        {"id": "evt_2", "type": "chat.outcome", "session_id": "s1", "visitor_id": "vis_1", "thread_id": "thr_1",
            "outcome": "needs_human"},
        {"id": "evt_3", "type": "calendar.booked", "visitor_id": "vis_1", "event_start": "2026-11-01T18:00:00Z",
            "cal_provider": "cal.com", "uid": "u1"},
    ]))
    .await
    .unwrap();
    let told = copilot.told(3).await;
    let mut kinds: Vec<_> = told.iter().map(|event| event["type"].as_str().unwrap()).collect();
    kinds.sort_unstable();
    assert_eq!(kinds, ["booking.created", "handoff.requested", "lead.created"], "and nothing else");
    for event in &told {
        let at = |name: &str| event["data"][name].as_str().unwrap_or_default().to_owned();
        assert_eq!((at("visitor_id"), at("thread_id")), ("vis_1".into(), "thr_1".into()), "{event}");
    }
    // A day later nothing in the commit says who it was: the books know it all the same, but of no chat.
    desk.deliver(json!({"id": "evt_4", "type": "calendar.booked", "contact_id": of(&told, "lead.created")["data"]["contact_id"],
        "event_start": "2026-11-02T18:00:00Z", "cal_provider": "cal.com", "uid": "u2"}))
        .await
        .unwrap();
    let told = copilot.told(4).await;
    let last = &told[3]["data"];
    assert_eq!((&last["visitor_id"], last.get("thread_id")), (&json!("vis_1"), None), "{last}");
}

#[tokio::test]
async fn it_is_a_destination_as_any_other() {
    let (url, copilot) = Copilot::start(0).await;
    let desk = Desk::with(&[("OPS_COPILOT_ADDR", &url)]).await;
    let mut client = DeliveryServiceClient::new(desk.link());
    let listed = client.list_destinations(ListDestinationsRequest::default()).await.unwrap().into_inner();
    let one = &listed.destinations[0];
    assert_eq!(
        (one.name.as_str(), one.origin.as_str(), one.types.len(), one.signed),
        ("notices", &*url, 5, false)
    );
    let request = TestDeliveryRequest {
        destination: "notices".into(),
        event_type: "handoff.requested".into(),
        ..Default::default()
    };
    let tested = client.test_delivery(request.clone()).await.unwrap().into_inner();
    assert!(tested.delivered && copilot.told(1).await[0]["test"] == true, "{tested:?}");
    copilot.0.lock().unwrap().1 = 1;
    let tested = client.test_delivery(request).await.unwrap().into_inner();
    assert_eq!(
        (tested.delivered, tested.status, tested.error.as_str()),
        (false, 0, "ops-copilot did not answer")
    );
}
