//! `OperationsService` on the wire: decodes, calls, encodes.
//!
//! Nothing comes in from outside here, so the inbox is always empty.

use chassis::{Tick, Ticked};
use domain::{Fault, Kind, Reason};
use proto::common::v1::{
    Count, ErasePersonRequest, ErasePersonResponse, ListInboxRequest, ListInboxResponse, ReplayInboxRequest,
    ReplayInboxResponse, TickRequest, TickResponse, operations_service_server::OperationsService,
};
use tonic::{Request, Response, Status};

use crate::{
    error::{Error, fault},
    requests::Desk,
};

/// `OperationsService`.
pub(crate) struct Service {
    /// What is done by the clock.
    pub(crate) tick: Tick,
    /// Where turns are under way.
    pub(crate) desk: Desk,
}

#[tonic::async_trait]
impl OperationsService for Service {
    async fn tick(&self, _: Request<TickRequest>) -> Result<Response<TickResponse>, Status> {
        let ticked = self.tick.run().await.map_err(|fault| chassis::status::status(&fault))?;
        let Ticked { done, more } = ticked;
        Ok(Response::new(TickResponse { done: counts(done), more }))
    }

    async fn list_inbox(&self, _: Request<ListInboxRequest>) -> Result<Response<ListInboxResponse>, Status> {
        Ok(Response::new(ListInboxResponse::default()))
    }

    async fn replay_inbox(
        &self,
        _: Request<ReplayInboxRequest>,
    ) -> Result<Response<ReplayInboxResponse>, Status> {
        let fault = Fault::new(Kind::NotFound, Reason::MessageUnknown, "there is no such message");
        Err(chassis::status::status(&fault))
    }

    async fn erase_person(
        &self,
        request: Request<ErasePersonRequest>,
    ) -> Result<Response<ErasePersonResponse>, Status> {
        let ErasePersonRequest { erasure_id, person } = request.into_inner();
        if domain::id::check(&erasure_id).is_err() {
            return Err(refuse(Error::Refused(Fault::invalid("erasure_id", "erasure_id must be an id"))));
        }
        // A thread belongs to a visitor; nothing here is kept by any other name.
        let visitors = person.unwrap_or_default().visitor_ids;
        let erased = self.desk.erase(&erasure_id, &visitors).await.map_err(refuse)?;
        Ok(Response::new(ErasePersonResponse {
            done: erased.waiting_for.is_none(),
            erased: counts(erased.progress.erased),
            waiting_for: erased.waiting_for.unwrap_or_default().to_owned(),
        }))
    }
}

fn counts(of: impl IntoIterator<Item = (String, i64)>) -> Vec<Count> {
    of.into_iter().map(|(kind, number)| Count { kind, number }).collect()
}

fn refuse(error: Error) -> Status {
    chassis::status::status(&fault(error))
}
