//! People over gRPC.

use domain::tab;
use proto::sheets::v1::{
    GetContactRequest, GetContactResponse, ResolveContactRequest, ResolveContactResponse,
    contact_service_server::ContactService,
};
use tonic::{Request, Response, Status};

use super::{Books, status};
use crate::{
    error::{Error, contact_unknown},
    people::{self, Identity},
    wire,
};

impl Books {
    async fn resolve(&self, request: ResolveContactRequest) -> Result<ResolveContactResponse, Error> {
        let identity = Identity {
            whop_user: request.verified_whop_user_id,
            email: request.email,
            phone: request.phone,
            visitor: request.visitor_id,
            session: String::new(),
        };
        let facts = request.facts.map_or_else(tab::Contact::default, wire::facts);
        let resolved = people::resolve_alone(&*self.store, &identity, facts, (self.clock)()).await?;
        self.ledger.wake();
        Ok(ResolveContactResponse {
            contact: Some(wire::wire_contact(resolved.contact)),
            created: resolved.created,
        })
    }
}

#[tonic::async_trait]
impl ContactService for Books {
    async fn resolve_contact(
        &self,
        request: Request<ResolveContactRequest>,
    ) -> Result<Response<ResolveContactResponse>, Status> {
        self.resolve(request.into_inner()).await.map(Response::new).map_err(status)
    }

    async fn get_contact(
        &self,
        request: Request<GetContactRequest>,
    ) -> Result<Response<GetContactResponse>, Status> {
        let found = people::get(&*self.store, &request.into_inner().contact_id).await;
        let contact = found.and_then(|found| found.ok_or_else(contact_unknown)).map_err(status)?;
        Ok(Response::new(GetContactResponse { contact: Some(wire::wire_contact(contact)) }))
    }
}
