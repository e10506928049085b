//! `OperationsService` on the wire, for whoever takes nothing from outside: decodes, calls, encodes.

use chassis::{Tick, Ticked, status::status};
use domain::{Fault, Kind, Reason};
use proto::common::v1::{
    Count, ErasePersonRequest, ErasePersonResponse, ListInboxRequest, ListInboxResponse, Person,
    ReplayInboxRequest, ReplayInboxResponse, TickRequest, TickResponse,
    operations_service_server::OperationsService,
};
use tonic::{Request, Response, Status};

use super::Progress;

/// How far a person is forgotten.
#[derive(Debug)]
pub struct Erased {
    /// All that was done.
    pub progress: Progress,
    /// Why it is not done yet.
    pub waiting_for: Option<String>,
}

/// Who can forget a person.
#[async_trait::async_trait]
pub trait Eraser: Send + Sync + 'static {
    /// Forgets a person, or a portion of what there is of them; called again it goes on.
    ///
    /// # Errors
    /// What the caller is told; what was done until then stays done.
    async fn erase_person(&self, erasure_id: &str, person: Person) -> Result<Erased, Status>;
}

/// `OperationsService`. Its inbox is always empty.
pub struct Service<E> {
    tick: Tick,
    eraser: E,
}

// === impl Service ===

impl<E: Eraser> Service<E> {
    /// Does `tick` by the clock, and forgets people by `eraser`.
    pub fn new(tick: Tick, eraser: E) -> Self {
        Self { tick, eraser }
    }
}

#[tonic::async_trait]
impl<E: Eraser> OperationsService for Service<E> {
    async fn tick(&self, _: Request<TickRequest>) -> Result<Response<TickResponse>, Status> {
        let Ticked { done, more } = self.tick.run().await.map_err(|fault| status(&fault))?;
        Ok(Response::new(TickResponse { done: counts(done), more }))
    }

    async fn list_inbox(&self, _: Request<ListInboxRequest>) -> Result<Response<ListInboxResponse>, Status> {
        Ok(Response::new(ListInboxResponse::default()))
    }

    async fn replay_inbox(
        &self,
        _: Request<ReplayInboxRequest>,
    ) -> Result<Response<ReplayInboxResponse>, Status> {
        Err(status(&Fault::new(Kind::NotFound, Reason::MessageUnknown, "there is no such message")))
    }

    async fn erase_person(
        &self,
        request: Request<ErasePersonRequest>,
    ) -> Result<Response<ErasePersonResponse>, Status> {
        let ErasePersonRequest { erasure_id, person } = request.into_inner();
        if domain::id::check(&erasure_id).is_err() {
            return Err(status(&Fault::invalid("erasure_id", "erasure_id must be an id")));
        }
        let Erased { progress, waiting_for } =
            self.eraser.erase_person(&erasure_id, person.unwrap_or_default()).await?;
        Ok(Response::new(ErasePersonResponse {
            done: waiting_for.is_none(),
            erased: counts(progress.erased),
            waiting_for: waiting_for.unwrap_or_default(),
        }))
    }
}

fn counts(of: impl IntoIterator<Item = (String, i64)>) -> Vec<Count> {
    of.into_iter().map(|(kind, number)| Count { kind, number }).collect()
}
