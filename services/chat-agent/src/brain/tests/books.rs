//! Books that write down what they are told.

use std::sync::{Arc, Mutex};

use chassis::Grpc;
use proto::sheets::v1::{
    IngestEventsRequest, IngestEventsResponse, RecordEventsRequest, RecordEventsResponse, SaveLeadRequest,
    SaveLeadResponse, UpsertLeadRequest, UpsertLeadResponse,
    event_service_server::{EventService, EventServiceServer},
    lead_service_server::{LeadService, LeadServiceServer},
};
use serde_json::Value;
use tokio::sync::{Barrier, Notify};
use tonic::{Request, Response, Status};

#[derive(Default)]
struct Told {
    leads: Mutex<Vec<SaveLeadRequest>>,
    events: Mutex<Vec<Value>>,
    refusals: Mutex<Vec<Status>>,
    together: Mutex<Option<Arc<Barrier>>>,
    gate: Mutex<Option<Arc<Notify>>>,
}

/// The books' side of the wire.
pub(super) struct Books {
    pub(super) url: String,
    told: Arc<Told>,
}

struct Service(Arc<Told>);

impl Books {
    pub(super) async fn start() -> Self {
        let told = Arc::<Told>::default();
        let grpc = Grpc::new(proto::FILE_DESCRIPTOR_SET)
            .add(EventServiceServer::new(Service(told.clone())))
            .add(LeadServiceServer::new(Service(told.clone())));
        let listener = chassis::bind([127, 0, 0, 1].into(), 0).await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(chassis::serve(listener, grpc.into(), chassis::Context::new("books", false)));
        Self { url, told }
    }

    /// The next calls of `SaveLead` fail like this, the last one first.
    pub(super) fn refuse(&self, refusals: Vec<Status>) {
        *self.told.refusals.lock().unwrap() = refusals;
    }

    /// No `SaveLead` is answered before `count` are there.
    pub(super) fn answer_together(&self, count: usize) {
        *self.told.together.lock().unwrap() = Some(Arc::new(Barrier::new(count)));
    }

    /// No `SaveLead` is answered before the gate is opened.
    pub(super) fn hold(&self) -> Arc<Notify> {
        let gate = Arc::<Notify>::default();
        *self.told.gate.lock().unwrap() = Some(gate.clone());
        gate
    }

    pub(super) fn leads(&self) -> Vec<SaveLeadRequest> {
        self.told.leads.lock().unwrap().clone()
    }

    /// The recorded events of a type.
    pub(super) fn events(&self, kind: &str) -> Vec<Value> {
        self.told.events.lock().unwrap().iter().filter(|event| event["type"] == kind).cloned().collect()
    }
}

#[tonic::async_trait]
impl LeadService for Service {
    async fn save_lead(
        &self,
        request: Request<SaveLeadRequest>,
    ) -> Result<Response<SaveLeadResponse>, Status> {
        let number = {
            let mut leads = self.0.leads.lock().unwrap();
            leads.push(request.into_inner());
            leads.len()
        };
        let (together, gate) = (self.0.together.lock().unwrap().clone(), self.0.gate.lock().unwrap().clone());
        if let Some(together) = together {
            together.wait().await;
        }
        if let Some(gate) = gate {
            gate.notified().await;
        }
        if let Some(refusal) = self.0.refusals.lock().unwrap().pop() {
            return Err(refusal);
        }
        let lead_id = format!("led_{number}");
        Ok(Response::new(SaveLeadResponse { lead_id, contact_id: "con_1".into(), created: true }))
    }

    async fn upsert_lead(
        &self,
        _: Request<UpsertLeadRequest>,
    ) -> Result<Response<UpsertLeadResponse>, Status> {
        Err(Status::unimplemented("the agent has no operator's hand"))
    }
}

#[tonic::async_trait]
impl EventService for Service {
    async fn ingest_events(
        &self,
        _: Request<IngestEventsRequest>,
    ) -> Result<Response<IngestEventsResponse>, Status> {
        Err(Status::unimplemented("not here"))
    }

    async fn record_events(
        &self,
        request: Request<RecordEventsRequest>,
    ) -> Result<Response<RecordEventsResponse>, Status> {
        let RecordEventsRequest { caller, events, .. } = request.into_inner();
        if caller.unwrap_or_default().visitor_id.is_empty() {
            return Err(Status::unauthenticated("no visitor"));
        }
        self.0.events.lock().unwrap().push(serde_json::from_slice(&events).unwrap());
        Ok(Response::new(RecordEventsResponse { accepted: 1, ..Default::default() }))
    }
}
