//! People over gRPC.

use domain::{Fault, tab};
use proto::sheets::v1::{
    ExportContactRequest, ExportContactResponse, FindContactsRequest, FindContactsResponse,
    GetContactRequest, GetContactResponse, ListContactsRequest, ListContactsResponse, MergeContactsRequest,
    MergeContactsResponse, ResolveContactRequest, ResolveContactResponse, TagContactRequest,
    TagContactResponse, UpdateContactRequest, UpdateContactResponse, contact_service_server::ContactService,
};
use store::Order;
use tonic::{Request, Response, Status};

use super::{Books, status};
use crate::{
    error::{Error, contact_unknown},
    people::{self, Identity},
    wire,
};

/// Contacts of a page, unless it is said otherwise, and at most.
const PAGE: i32 = 100;
const MAX_PAGE: i32 = 500;
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
        let limit = match request.page_size {
            0 => PAGE,
            size @ 1..=MAX_PAGE => size,
            _ => return Err(Fault::invalid("page_size", format!("page_size must be 1 to {MAX_PAGE}")).into()),
        };
        let after = (!request.page_token.is_empty()).then_some(request.page_token);
        let order = if request.newest_first { Order::Descending } else { Order::Ascending };
        let listed = people::list(&*self.store, limit as u32, after, order).await;
        let (found, next) = listed.map_err(|error| match error {
            store::Error::Invalid(_) => {
                Fault::invalid("page_token", "page_token is not from this list").into()
            }
            error => Error::Store(error),
        })?;
        let contacts = found.into_iter().map(wire::wire_contact).collect();
        Ok(ListContactsResponse { contacts, next_page_token: next.unwrap_or_default() })
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
        !tag.trim().is_empty() && tag.chars().count() <= MAX_TAG && !tag.contains(',') && tag.trim() == tag
    };
    if tags.len() <= MAX_TAGS && tags.iter().all(sound) {
        return Ok(());
    }
    let why = format!(
        "{field} must be at most {MAX_TAGS} labels of 1 to {MAX_TAG} characters, without a comma and without white \
         space around them"
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
        let contact = found.and_then(|found| found.ok_or_else(contact_unknown)).map_err(status)?;
        Ok(Response::new(GetContactResponse { contact: Some(wire::wire_contact(contact)) }))
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

    async fn export_contact(
        &self,
        request: Request<ExportContactRequest>,
    ) -> Result<Response<ExportContactResponse>, Status> {
        let export = people::export(&*self.store, &request.into_inner().contact_id).await.map_err(status)?;
        Ok(Response::new(ExportContactResponse { document: export.to_string().into_bytes().into() }))
    }
}
