//! People: `/api/operator/contacts`.
//!
//! The invariant: nothing that is sent here empties anything.

use std::{future::ready, io};

use axum::{
    body::Body,
    extract::{Path, RawQuery, State, rejection::PathRejection},
    http::{HeaderMap, header},
    response::{IntoResponse as _, Response},
};
use domain::{Fault, Kind, Reason};
use futures_util::{StreamExt as _, stream};
use proto::sheets::v1::{
    Contact, ExportContactRequest, ExportContactResponse, FindContactsRequest, GetContactRequest,
    ResolveContactRequest, UpdateContactRequest,
};
use utoipa::ToSchema;

use super::{
    Operator, SERVICE, found,
    query::{Params, id_of},
    wire::{ContactAnswer, ContactsAnswer, UpsertedContact},
};
use crate::{
    answer,
    body::{self, Fields},
    caller::Client,
    door::Door,
    error,
    key::{IdempotencyKey, RequestId},
    openapi::OperatorProblems,
    problem::Problem,
};

const BODY_MAX: usize = 16 << 10;
const LONGEST: usize = 512;

/// A person, and what is known of them. One of `email`, `phone` and `whop_user_id` is needed.
#[derive(ToSchema)]
#[expect(dead_code, reason = "describes the body, which is read field by field")]
pub(crate) struct ContactRequest {
    /// In any case.
    #[schema(example = "ann@example.com", max_length = 512)]
    email: Option<String>,
    /// Best with `+` and the country's code.
    #[schema(max_length = 512)]
    phone: Option<String>,
    /// A Whop user, `user_…`, whom you have verified.
    #[schema(max_length = 512)]
    whop_user_id: Option<String>,
    /// Given name.
    #[schema(max_length = 512)]
    first_name: Option<String>,
    /// Family name.
    #[schema(max_length = 512)]
    last_name: Option<String>,
    /// Employer or business.
    #[schema(max_length = 512)]
    company: Option<String>,
    /// What brought them; `operator` if absent.
    #[schema(max_length = 512)]
    source: Option<String>,
    /// First touch.
    #[schema(max_length = 512)]
    utm_source: Option<String>,
    /// First touch.
    #[schema(max_length = 512)]
    utm_medium: Option<String>,
    /// First touch.
    #[schema(max_length = 512)]
    utm_campaign: Option<String>,
    /// Free labels.
    #[schema(max_items = 50)]
    tags: Option<Vec<Label>>,
}

/// One of somebody's labels; the column shows them comma-separated.
#[derive(ToSchema)]
#[schema(pattern = r"^[^\s,\x00-\x1f\x7f-\x9f]([^,\x00-\x1f\x7f-\x9f]{0,62}[^\s,\x00-\x1f\x7f-\x9f])?$")]
#[expect(dead_code, reason = "describes an item of an array that is read as texts")]
struct Label(String);

/// Find contacts
///
/// Answers the people that the given identities lead to, the strongest identity first. Makes nothing.
#[utoipa::path(
    get,
    path = "/api/operator/contacts",
    tag = "operator",
    operation_id = "find_contacts",
    security(("operator_token" = [])),
    params(
        ("email" = Option<String>, Query, example = "ann@example.com", pattern = r"\S", description = "In any case. One of the three is needed."),
        ("phone" = Option<String>, Query, pattern = r"\S", description = "In any notation."),
        ("whop_user_id" = Option<String>, Query, pattern = r"\S", description = "Exactly."),
    ),
    responses((status = 200, description = "The people, none or more.", body = ContactsAnswer), OperatorProblems),
)]
pub(crate) async fn find_contacts(
    State(door): State<Door>,
    _: Operator,
    client: Client,
    RawQuery(query): RawQuery,
) -> Result<Response, Problem> {
    let params = Params::read(query);
    let text = |name| params.text(name).map(Option::unwrap_or_default);
    let request = FindContactsRequest {
        email: text("email")?,
        phone: text("phone")?,
        verified_whop_user_id: text("whop_user_id")?,
        caller: Some(client.caller(None)),
        ..FindContactsRequest::default()
    };
    needs_one(&[&request.email, &request.phone, &request.verified_whop_user_id])?;
    let found = error::ask!(SERVICE, door.contacts(), find_contacts(request)).await?;
    Ok(answer::json(ContactsAnswer::from(found.contacts)))
}

/// Get a contact
///
/// Answers one person by id; the id of one who was merged answers the survivor.
#[utoipa::path(
    get,
    path = "/api/operator/contacts/{contact_id}",
    tag = "operator",
    operation_id = "get_contact",
    security(("operator_token" = [])),
    params(("contact_id" = String, Path, example = "con_01JB7Z9V3S2N8Q4T6W0XY5KCEM", description = "The contact's id.")),
    responses((status = 200, description = "The person.", body = ContactAnswer), OperatorProblems),
)]
pub(crate) async fn get_contact(
    State(door): State<Door>,
    _: Operator,
    client: Client,
    path: Result<Path<String>, PathRejection>,
) -> Result<Response, Problem> {
    let request = GetContactRequest { caller: Some(client.caller(None)), contact_id: id_of(path)? };
    let answer = error::ask!(SERVICE, door.contacts(), get_contact(request)).await?;
    Ok(answer::json(found(answer.contact.map(ContactAnswer::from))?))
}

/// Export a contact
///
/// Answers everything that the books keep about one person, as one document of any length: the contact, its ids and
/// identities, and its rows by tab. Their chats and sessions are not in it. A connection that breaks off has not sent
/// the whole.
#[utoipa::path(
    get,
    path = "/api/operator/contacts/{contact_id}/export",
    tag = "operator",
    operation_id = "export_contact",
    security(("operator_token" = [])),
    params(("contact_id" = String, Path, example = "con_01JB7Z9V3S2N8Q4T6W0XY5KCEM", description = "The contact's id.")),
    responses(
        (status = 200, description = "The document.", content_type = "application/json", body = Object),
        OperatorProblems,
    ),
)]
pub(crate) async fn export_contact(
    State(door): State<Door>,
    _: Operator,
    client: Client,
    path: Result<Path<String>, PathRejection>,
) -> Result<Response, Problem> {
    let request = ExportContactRequest { caller: Some(client.caller(None)), contact_id: id_of(path)? };
    let mut pieces = error::ask!(SERVICE, door.contacts(), export_contact(request)).await?;
    let failed = |status| error::fault(SERVICE, &status);
    // What is wrong before the document begins has a status of its own.
    let first = pieces.message().await.map_err(failed)?.ok_or_else(|| error::nothing(SERVICE))?;
    let document = stream::once(ready(Ok(first))).chain(pieces).map(move |piece| match piece {
        Ok(ExportContactResponse { document }) => Ok(document),
        // Whoever reads has to see that this is not the end.
        Err(status) => Err(io::Error::other(failed(status).message)),
    });
    let headers = [(header::CONTENT_TYPE, "application/json"), (header::CACHE_CONTROL, "no-store")];
    Ok((headers, Body::from_stream(document)).into_response())
}

/// Add a contact
///
/// Answers the contact that has the strongest of the given identities, and makes one if nobody has. What is sent
/// fills in what the contact lacks; nothing is overwritten. Sent again, it makes no second contact.
#[utoipa::path(
    post,
    path = "/api/operator/contacts",
    tag = "operator",
    operation_id = "fill_contact",
    security(("operator_token" = [])),
    params(IdempotencyKey),
    request_body(
        content = ContactRequest,
        example = json!({"email": "ann@example.com", "first_name": "Ann", "tags": ["webinar"]}),
    ),
    responses((status = 200, description = "The person.", body = UpsertedContact), OperatorProblems),
)]
pub(crate) async fn fill_contact(
    State(door): State<Door>,
    _: Operator,
    client: Client,
    RequestId(request_id): RequestId,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    let bytes = body::read(&headers, body, BODY_MAX).await?;
    let request = read(Fields::parse(&headers, &bytes)?)?;
    let request = ResolveContactRequest { caller: Some(client.caller(None)), request_id, ..request };
    let (contact, created) = resolve(&door, request).await?;
    Ok(answer::json(found(contact.map(|contact| UpsertedContact::new(contact, created)))?))
}

/// Set a contact
///
/// As adding one, and what is sent is set over what there is: events and chats never change it again. What is blank
/// stays as it is.
#[utoipa::path(
    put,
    path = "/api/operator/contacts",
    tag = "operator",
    operation_id = "put_contact",
    security(("operator_token" = [])),
    params(IdempotencyKey),
    request_body(content = ContactRequest, example = json!({"email": "ann@example.com", "company": "Ann's Bakery"})),
    responses((status = 200, description = "The person.", body = UpsertedContact), OperatorProblems),
)]
pub(crate) async fn put_contact(
    State(door): State<Door>,
    _: Operator,
    client: Client,
    RequestId(request_id): RequestId,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    let bytes = body::read(&headers, body, BODY_MAX).await?;
    let request = read(Fields::parse(&headers, &bytes)?)?;
    let caller = Some(client.caller(None));
    // What brought them is a default of this route, not what the operator knows better.
    let known = Contact { source: String::new(), ..request.facts.clone().unwrap_or_default() };
    let known = Contact { email: request.email.clone(), phone: request.phone.clone(), ..known };
    let resolving =
        ResolveContactRequest { caller: caller.clone(), request_id: request_id.clone(), ..request };
    let (contact, created) = resolve(&door, resolving).await?;
    let contact_id = contact.map(|contact| contact.contact_id).unwrap_or_default();
    let request =
        UpdateContactRequest { caller, request_id, contact_id, facts: Some(known), update_mask: None };
    let updated = error::ask!(SERVICE, door.contacts(), update_contact(request)).await?;
    Ok(answer::json(found(updated.contact.map(|contact| UpsertedContact::new(contact, created)))?))
}

async fn resolve(door: &Door, request: ResolveContactRequest) -> Result<(Option<Contact>, bool), Fault> {
    let answer = error::ask!(SERVICE, door.contacts(), resolve_contact(request)).await?;
    Ok((answer.contact, answer.created))
}

fn needs_one(identities: &[&str]) -> Result<(), Fault> {
    if identities.iter().any(|given| !given.trim().is_empty()) {
        return Ok(());
    }
    let message = "one of email, phone and whop_user_id is needed";
    Err(Fault::new(Kind::Invalid, Reason::InvalidValue, message))
}

fn read(mut fields: Fields) -> Result<ResolveContactRequest, Fault> {
    let mut text = |name: &str| {
        let text = fields.text(name)?.unwrap_or_default();
        if text.chars().count() > LONGEST {
            return Err(Fault::invalid(name, format!("{name} must be at most {LONGEST} characters")));
        }
        Ok(text)
    };
    let (email, phone, whop_user) = (text("email")?, text("phone")?, text("whop_user_id")?);
    needs_one(&[&email, &phone, &whop_user])?;
    let source = text("source")?;
    let facts = Contact {
        first_name: text("first_name")?,
        last_name: text("last_name")?,
        company: text("company")?,
        source: if source.trim().is_empty() { "operator".to_owned() } else { source },
        utm_source: text("utm_source")?,
        utm_medium: text("utm_medium")?,
        utm_campaign: text("utm_campaign")?,
        ..Contact::default()
    };
    let tags = fields.texts("tags")?;
    Ok(ResolveContactRequest {
        email,
        phone,
        verified_whop_user_id: whop_user,
        facts: Some(Contact { tags, ..facts }),
        ..ResolveContactRequest::default()
    })
}
