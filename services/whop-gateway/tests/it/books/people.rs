//! The people of the books: who talks as which visitor is noted, and nobody is ever found.

use proto::sheets::v1::{
    BeginErasureRequest, BeginErasureResponse, ExportContactRequest, ExportContactResponse,
    FindContactsRequest, FindContactsResponse, GetContactRequest, GetContactResponse, GetErasureRequest,
    GetErasureResponse, ListContactsRequest, ListContactsResponse, ListErasuresRequest, ListErasuresResponse,
    MergeContactsRequest, MergeContactsResponse, RecordErasureRequest, RecordErasureResponse,
    ResolveContactRequest, ResolveContactResponse, TagContactRequest, TagContactResponse,
    UpdateContactRequest, UpdateContactResponse, contact_service_server::ContactService,
};
use tonic::{Request, Response, Status};

use super::Door;

#[tonic::async_trait]
impl ContactService for Door {
    async fn resolve_contact(
        &self,
        request: Request<ResolveContactRequest>,
    ) -> Result<Response<ResolveContactResponse>, Status> {
        let ResolveContactRequest { verified_whop_user_id, visitor_id, .. } = request.into_inner();
        self.0.send_modify(|told| told.contacts.push((verified_whop_user_id, visitor_id)));
        Ok(Response::new(ResolveContactResponse::default()))
    }

    async fn get_contact(
        &self,
        _: Request<GetContactRequest>,
    ) -> Result<Response<GetContactResponse>, Status> {
        Err(Status::unimplemented("there is nobody"))
    }

    type ExportContactStream = futures_util::stream::Empty<Result<ExportContactResponse, Status>>;

    async fn export_contact(
        &self,
        _: Request<ExportContactRequest>,
    ) -> Result<Response<Self::ExportContactStream>, Status> {
        Err(Status::unimplemented("there is nobody"))
    }

    async fn find_contacts(
        &self,
        _: Request<FindContactsRequest>,
    ) -> Result<Response<FindContactsResponse>, Status> {
        Ok(Response::new(FindContactsResponse::default()))
    }

    async fn list_contacts(
        &self,
        _: Request<ListContactsRequest>,
    ) -> Result<Response<ListContactsResponse>, Status> {
        Err(Status::unimplemented("there is nobody"))
    }

    async fn update_contact(
        &self,
        _: Request<UpdateContactRequest>,
    ) -> Result<Response<UpdateContactResponse>, Status> {
        Err(Status::unimplemented("there is nobody"))
    }

    async fn tag_contact(
        &self,
        _: Request<TagContactRequest>,
    ) -> Result<Response<TagContactResponse>, Status> {
        Err(Status::unimplemented("there is nobody"))
    }

    async fn merge_contacts(
        &self,
        _: Request<MergeContactsRequest>,
    ) -> Result<Response<MergeContactsResponse>, Status> {
        Err(Status::unimplemented("there is nobody"))
    }

    async fn begin_erasure(
        &self,
        _: Request<BeginErasureRequest>,
    ) -> Result<Response<BeginErasureResponse>, Status> {
        Err(Status::unimplemented("there is nobody"))
    }

    async fn record_erasure(
        &self,
        _: Request<RecordErasureRequest>,
    ) -> Result<Response<RecordErasureResponse>, Status> {
        Err(Status::unimplemented("there is nobody"))
    }

    async fn get_erasure(
        &self,
        _: Request<GetErasureRequest>,
    ) -> Result<Response<GetErasureResponse>, Status> {
        Err(Status::unimplemented("there is nobody"))
    }

    async fn list_erasures(
        &self,
        _: Request<ListErasuresRequest>,
    ) -> Result<Response<ListErasuresResponse>, Status> {
        Ok(Response::new(ListErasuresResponse::default()))
    }
}
