//! Events of the chat and of n8n: `POST /webhooks/ajd/chat-events`.
//!
//! The invariant: the body is passed on byte for byte; sheets-writer verifies, parses and commits.

use axum::{
    Json,
    body::Body,
    extract::State,
    http::{HeaderMap, StatusCode},
    response::{IntoResponse as _, Response},
};
use bytes::Bytes;
use domain::Fault;
use proto::sheets::v1::IngestEventsRequest;
use serde::Serialize;
use utoipa::{
    ToSchema,
    openapi::schema::{AnyOfBuilder, KnownFormat, ObjectBuilder, Schema, SchemaFormat, Type},
};

use crate::{body, caller::Client, door::Door, error, openapi::EventProblems, problem::Problem};

const BODY_MAX: usize = 256 << 10;
const SERVICE: &str = "sheets-writer";
const SECRET: &str = "x-frontdesk-secret";
const HOP: &str = "x-frontdesk-hop";
/// Text that counts as absent.
const BLANK: &str = r"^[ \t\r\n]*$";

/// One event. Members that are not listed are kept with it.
#[derive(ToSchema)]
#[expect(dead_code, reason = "describes the body, which is passed on as it is")]
pub(crate) struct Event {
    /// What makes a repetition recognisable; a hash of the event if absent or blank.
    #[schema(pattern = r"^[ \t\r\n]*[A-Za-z0-9_.:-]{0,128}[ \t\r\n]*$")]
    id: Option<String>,
    /// What happened: `chat.turn`, `calendar.booked`, or anything else, which is kept as a chat event.
    #[serde(rename = "type")]
    #[schema(
        example = "chat.turn",
        max_length = 128,
        pattern = r"^[^\x00-\x1f\x7f-\x9f]*[^\x00-\x1f\x7f-\x9f\s][^\x00-\x1f\x7f-\x9f]*$"
    )]
    kind: String,
    /// The chat session.
    session_id: Option<String>,
    #[schema(schema_with = moment, required = false)]
    occurred_at: Option<String>,
}

/// A date and time, or nothing: a template that has no value often sends an empty text.
fn moment() -> Schema {
    let text = || ObjectBuilder::new().schema_type(Type::String);
    let either = AnyOfBuilder::new()
        .item(text().format(Some(SchemaFormat::KnownFormat(KnownFormat::DateTime))))
        .item(text().pattern(Some(BLANK)))
        .item(ObjectBuilder::new().schema_type(Type::Null))
        .description(Some("When it happened, RFC 3339; now if absent or blank."));
    either.build().into()
}

/// One event, or many.
#[derive(ToSchema)]
#[serde(untagged)]
#[expect(dead_code, reason = "describes the body, which is passed on as it is")]
pub(crate) enum Events {
    /// One.
    One(Event),
    /// All or nothing.
    Many(Batch),
}

/// At most 100 events.
#[derive(ToSchema)]
#[schema(min_items = 1, max_items = 100)]
#[expect(dead_code, reason = "describes the body, which is passed on as it is")]
pub(crate) struct Batch(Vec<Event>);

/// What became of the events. They are durable when this is answered.
#[derive(Serialize, ToSchema)]
pub(crate) struct EventsAnswer {
    /// How many were new.
    #[schema(example = 1)]
    accepted: i32,
    /// How many were known already and changed nothing.
    #[schema(example = 0)]
    duplicates: i32,
    /// Their ids, in the order of the body.
    ids: Vec<String>,
}

/// Ingest chat events
///
/// Takes one event or an array of at most 100, all or nothing. The same event sent again changes nothing. Without a
/// configured secret, events are taken from the same machine only.
#[utoipa::path(
    post,
    path = "/webhooks/ajd/chat-events",
    tag = "events",
    operation_id = "ingest_events",
    params(
        ("X-Frontdesk-Secret" = Option<String>, Header, description = "The secret that sender and receiver share."),
        ("X-Frontdesk-Hop" = Option<String>, Header, description = "Set on events that Frontdesk itself forwarded."),
    ),
    request_body(
        content = Events,
        example = json!({
            "type": "chat.turn",
            "session_id": "ck_123",
            "occurred_at": "2025-10-28T16:20:00Z",
            "page": "/services",
            "message": "I need a marketing automation package",
            "intent": "buy_inquiry",
            "score": 0.72,
            "traits": {"utm_source": "yt", "utm_campaign": "oct_launch"},
        }),
    ),
    responses((status = 202, description = "Committed.", body = EventsAnswer), EventProblems),
)]
pub(crate) async fn ingest_events(
    State(door): State<Door>,
    client: Client,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    let body = body::read(&headers, body, BODY_MAX).await?;
    if body.trim_ascii().is_empty() {
        return Err(Fault::malformed("the body is empty; send an event or an array of events").into());
    }
    let request = request(client, &headers, body);
    let done = error::ask!(SERVICE, door.events(), ingest_events(request)).await?;
    let answer = EventsAnswer { accepted: done.accepted, duplicates: done.duplicates, ids: done.event_ids };
    Ok((StatusCode::ACCEPTED, Json(answer)).into_response())
}

fn request(client: Client, headers: &HeaderMap, body: Bytes) -> IngestEventsRequest {
    // Bytes that are no text are no secret of ours; they arrive as none and are refused as none.
    let text = |name| headers.get(name).and_then(|value| std::str::from_utf8(value.as_bytes()).ok());
    IngestEventsRequest {
        request_id: chassis::request_id::current().unwrap_or_default(),
        body,
        secret: text(SECRET).unwrap_or_default().to_owned(),
        hop: text(HOP).unwrap_or_default().to_owned(),
        from_loopback: client.local,
        caller: Some(client.caller(None)),
    }
}
