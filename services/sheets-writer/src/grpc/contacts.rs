//! People over gRPC.

use domain::{Fault, tab};
use proto::sheets::v1::{
    BeginErasureRequest, BeginErasureResponse, Contact, ExportContactRequest, FindContactsRequest,
    FindContactsResponse, GetContactRequest, GetContactResponse, GetErasureRequest, GetErasureResponse,
    ListContactsRequest, ListContactsResponse, ListErasuresRequest, ListErasuresResponse,
    MergeContactsRequest, MergeContactsResponse, RecordErasureRequest, RecordErasureResponse,
    ResolveContactRequest, ResolveContactResponse, TagContactRequest, TagContactResponse,
    UpdateContactRequest, UpdateContactResponse, contact_service_server::ContactService,
};
use store::Order;
use tonic::{Request, Response, Status};

use super::{Books, export::Pieces, page::Page, status};
use crate::{
    error::{Error, contact_unknown},
    people::{self, Identity},
    wire,
};

/// Longest field of a contact, in characters.
const MAX_FIELD: usize = 2_000;
/// Longest label, in characters, and most of one request.
const MAX_TAG: usize = 64;
const MAX_TAGS: usize = 50;

impl Books {
    async fn resolve(&self, request: ResolveContactRequest) -> Result<ResolveContactResponse, Error> {
        let identity = Identity {
            whop_user: request.verified_whop_user_id,
            email: request.email,
            phone: request.phone,
            visitor: request.visitor_id,
            session: String::new(),
            claimed: request.claimed,
        };
        let facts = request.facts.map_or_else(tab::Contact::default, wire::facts);
        check_tags("tags", &facts.tags)?;
        let resolved = people::resolve_alone(&*self.store, &identity, facts, (self.clock)()).await?;
        self.ledger.wake();
        Ok(ResolveContactResponse {
            contact: Some(wire::wire_contact(resolved.contact)),
            created: resolved.created,
        })
    }

    async fn find(&self, request: FindContactsRequest) -> Result<FindContactsResponse, Error> {
        let identity = Identity {
            whop_user: request.verified_whop_user_id,
            email: request.email,
            phone: request.phone,
            visitor: request.visitor_id,
            ..Identity::default()
        };
        if identity.is_empty() {
            let why = "an e-mail, a phone, a visitor or a Whop user is required";
            return Err(Fault::invalid("identity", why).into());
        }
        let found = people::find_all(&*self.store, &identity).await?;
        Ok(FindContactsResponse { contacts: found.into_iter().map(wire::wire_contact).collect() })
    }

    async fn list_people(&self, request: ListContactsRequest) -> Result<ListContactsResponse, Error> {
        let page = Page::of(request.page_size, request.page_token)?;
        let order = if request.newest_first { Order::Descending } else { Order::Ascending };
        let read = async |limit, after| {
            let (found, next) = people::list(&*self.store, limit, after, order).await?;
            Ok((found.into_iter().map(wire::wire_contact).collect(), next))
        };
        let (contacts, next_page_token) = page.fill(read).await?;
        Ok(ListContactsResponse { contacts, next_page_token })
    }

    async fn update(&self, request: UpdateContactRequest) -> Result<UpdateContactResponse, Error> {
        let mask = request.update_mask.map(|mask| mask.paths);
        check_mask(mask.as_deref())?;
        let facts = wire::corrections(request.facts.unwrap_or_default());
        let names_tags =
            mask.as_ref().map_or(!facts.tags.is_empty(), |mask| mask.iter().any(|path| path == "tags"));
        check_tags("tags", &facts.tags)?;
        let tags = names_tags.then(|| facts.tags.clone());
        let words = people::words(facts, mask.as_deref());
        if let Some((column, _)) = words.iter().find(|(_, word)| word.chars().count() > MAX_FIELD) {
            let why = format!("{column} must be at most {MAX_FIELD} characters");
            return Err(Fault::invalid(format!("facts.{column}"), why).into());
        }
        let now = (self.clock)();
        let contact = people::update(&*self.store, &request.contact_id, &words, tags.as_deref(), now).await?;
        self.ledger.wake();
        Ok(UpdateContactResponse { contact: Some(wire::wire_contact(contact)) })
    }

    async fn tag(&self, request: TagContactRequest) -> Result<TagContactResponse, Error> {
        check_tags("add", &request.add)?;
        let contact = people::tag(&*self.store, &request.contact_id, &request.add, &request.remove).await?;
        self.ledger.wake();
        Ok(TagContactResponse { contact: Some(wire::wire_contact(contact)) })
    }

    async fn merge(&self, request: MergeContactsRequest) -> Result<MergeContactsResponse, Error> {
        let merged = people::merge(&*self.store, &request.survivor_id, &request.loser_id).await?;
        self.ledger.wake();
        Ok(MergeContactsResponse { contact: Some(wire::wire_contact(merged.contact)), merged: merged.merged })
    }
}

fn check_mask(mask: Option<&[String]>) -> Result<(), Fault> {
    let known = |path: &String| path == "tags" || people::COLUMNS.contains(&path.as_str());
    match mask.into_iter().flatten().find(|path| !known(path)) {
        None => Ok(()),
        Some(_) => {
            let why = format!("update_mask may name {} and tags", people::COLUMNS.join(", "));
            Err(Fault::invalid("update_mask", why))
        }
    }
}

fn check_tags(field: &str, tags: &[String]) -> Result<(), Fault> {
    let sound = |tag: &String| {
        // The column shows labels comma-separated.
        let shown = |c: char| c != ',' && !c.is_control();
        !tag.is_empty() && tag.trim() == tag && tag.chars().count() <= MAX_TAG && tag.chars().all(shown)
    };
    if tags.len() <= MAX_TAGS && tags.iter().all(sound) {
        return Ok(());
    }
    let why = format!(
        "{field} must be at most {MAX_TAGS} labels of 1 to {MAX_TAG} characters, without commas, control \
         characters and white space around them"
    );
    Err(Fault::invalid(field, why))
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
        let (contact, erased_at) =
            found.and_then(|found| found.ok_or_else(contact_unknown)).map_err(status)?;
        let contact = Contact { erase_time: erased_at.map(wire::wire_time), ..wire::wire_contact(contact) };
        Ok(Response::new(GetContactResponse { contact: Some(contact) }))
    }

    async fn find_contacts(
        &self,
        request: Request<FindContactsRequest>,
    ) -> Result<Response<FindContactsResponse>, Status> {
        self.find(request.into_inner()).await.map(Response::new).map_err(status)
    }

    async fn list_contacts(
        &self,
        request: Request<ListContactsRequest>,
    ) -> Result<Response<ListContactsResponse>, Status> {
        self.list_people(request.into_inner()).await.map(Response::new).map_err(status)
    }

    async fn update_contact(
        &self,
        request: Request<UpdateContactRequest>,
    ) -> Result<Response<UpdateContactResponse>, Status> {
        self.update(request.into_inner()).await.map(Response::new).map_err(status)
    }

    async fn tag_contact(
        &self,
        request: Request<TagContactRequest>,
    ) -> Result<Response<TagContactResponse>, Status> {
        self.tag(request.into_inner()).await.map(Response::new).map_err(status)
    }

    async fn merge_contacts(
        &self,
        request: Request<MergeContactsRequest>,
    ) -> Result<Response<MergeContactsResponse>, Status> {
        self.merge(request.into_inner()).await.map(Response::new).map_err(status)
    }

    type ExportContactStream = Pieces;

    async fn export_contact(
        &self,
        request: Request<ExportContactRequest>,
    ) -> Result<Response<Self::ExportContactStream>, Status> {
        self.export(request.into_inner().contact_id).await.map(Response::new).map_err(status)
    }

    async fn begin_erasure(
        &self,
        request: Request<BeginErasureRequest>,
    ) -> Result<Response<BeginErasureResponse>, Status> {
        let erasure = self.begin(request.into_inner()).await.map_err(status)?;
        Ok(Response::new(BeginErasureResponse { erasure: Some(erasure) }))
    }

    async fn record_erasure(
        &self,
        request: Request<RecordErasureRequest>,
    ) -> Result<Response<RecordErasureResponse>, Status> {
        let erasure = self.record(request.into_inner()).await.map_err(status)?;
        Ok(Response::new(RecordErasureResponse { erasure: Some(erasure) }))
    }

    async fn get_erasure(
        &self,
        request: Request<GetErasureRequest>,
    ) -> Result<Response<GetErasureResponse>, Status> {
        let erasure = self.erasure(&request.into_inner().erasure_id).await.map_err(status)?;
        Ok(Response::new(GetErasureResponse { erasure: Some(erasure) }))
    }

    async fn list_erasures(
        &self,
        request: Request<ListErasuresRequest>,
    ) -> Result<Response<ListErasuresResponse>, Status> {
        self.erasures(request.into_inner()).await.map(Response::new).map_err(status)
    }
}
