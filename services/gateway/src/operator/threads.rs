//! Conversations: `/api/operator/threads`.
//!
//! The invariant: what a person writes is sent inward once per key, and everything else here may be repeated.

use axum::{
    body::Body,
    extract::{Path, RawQuery, State, rejection::PathRejection},
    http::HeaderMap,
    response::Response,
};
use domain::Fault;
use proto::chat::v1::{
    GetThreadRequest, ListThreadsRequest, PostMessageRequest, ReleaseThreadRequest, Thread, ThreadMessage,
    ThreadState,
};
use serde::Serialize;
use utoipa::ToSchema;

use super::{
    Operator,
    query::{self, Params, id_of},
};
use crate::{
    answer::{self, time},
    body::{self, Fields},
    caller::Client,
    door::Door,
    error,
    key::{self, IdempotencyKey, RequestId},
    openapi::OperatorProblems,
    problem::Problem,
};

/// The service of the conversations.
const AGENT: &str = "chat-agent";
const BODY_MAX: usize = 32 << 10;
/// Most threads of a page.
const PAGE_MAX: i32 = 100;

/// A conversation, and who answers in it.
#[derive(Serialize, ToSchema)]
pub(crate) struct ThreadAnswer {
    /// Its id.
    #[schema(example = "thr_01JB7Z9V3S2N8Q4T6W0XY5KCEM")]
    id: String,
    /// What it is about; blank if it has no title.
    title: String,
    /// Slug of the workflow.
    #[schema(example = "lead-concierge")]
    workflow: String,
    /// Whose it is.
    #[schema(example = "vis_0123456789abcdef0123456789abcdef")]
    visitor_id: String,
    /// Who answers: `active`, the model; `waiting_human`, nobody, a person was called; `with_human`, a person.
    #[schema(pattern = "^(active|waiting_human|with_human)$", example = "waiting_human")]
    state: &'static str,
    /// When it began.
    #[schema(format = "date-time")]
    created_at: Option<String>,
    /// When it was last written.
    #[schema(format = "date-time")]
    updated_at: Option<String>,
    /// When a person was called; null if none is.
    #[schema(format = "date-time")]
    handed_off_at: Option<String>,
    /// Why a person was called; blank if none is.
    reason: String,
    /// Why the books refused for good what they were last told of a hand-off; blank if they did not.
    problem: String,
}

/// Conversations, and where they go on.
#[derive(Serialize, ToSchema)]
pub(crate) struct ThreadsAnswer {
    /// The page.
    threads: Vec<ThreadAnswer>,
    /// `after` of the next page; null on the last one.
    next: Option<String>,
}

/// What was said in a conversation.
#[derive(Serialize, ToSchema)]
pub(crate) struct SaidAnswer {
    /// Its id within the conversation.
    id: String,
    /// `visitor`, `assistant`, `person` or `server`.
    #[schema(pattern = "^(visitor|assistant|person|server)$")]
    author: String,
    /// What.
    text: String,
    /// When.
    #[schema(format = "date-time")]
    created_at: Option<String>,
}

/// A conversation with what was said in it.
#[derive(Serialize, ToSchema)]
pub(crate) struct TranscriptAnswer {
    /// The conversation.
    thread: ThreadAnswer,
    /// The newest 200, the oldest of them first.
    messages: Vec<SaidAnswer>,
}

/// A message, and the conversation that has it.
#[derive(Serialize, ToSchema)]
pub(crate) struct PostedAnswer {
    /// The conversation.
    thread: ThreadAnswer,
    /// The message.
    message: SaidAnswer,
}

/// What a person says.
#[derive(ToSchema)]
#[expect(dead_code, reason = "describes the body, which is read field by field")]
pub(crate) struct ReplyRequest {
    /// What; Markdown.
    #[schema(min_length = 1, max_length = 4000)]
    text: String,
    /// Their name, as the visitor reads it; the workflow's title if absent.
    #[schema(max_length = 80)]
    author: Option<String>,
}

/// List threads
///
/// Answers conversations, those that were touched last first; with `handed_off` those that wait for a person or are with
/// one, the one that waits longest first. A page may hold fewer than `limit` and not be the last.
#[utoipa::path(
    get,
    path = "/api/operator/threads",
    tag = "operator",
    operation_id = "list_threads",
    security(("operator_token" = [])),
    params(
        ("handed_off" = Option<bool>, Query, description = "Only those that wait for a person or are with one."),
        ("visitor" = Option<String>, Query, description = "Only this visitor's, `vis_…`."),
        ("after" = Option<String>, Query, description = "`next` of the page before."),
        ("limit" = Option<i32>, Query, minimum = 1, maximum = 100, description = "At most so many; 20 if absent."),
    ),
    responses((status = 200, description = "A page.", body = ThreadsAnswer), OperatorProblems),
)]
pub(crate) async fn list_threads(
    State(door): State<Door>,
    _: Operator,
    client: Client,
    RawQuery(query): RawQuery,
) -> Result<Response, Problem> {
    let params = Params::read(query);
    let text = |name| params.text(name).map(Option::unwrap_or_default);
    let handed_off_only = match text("handed_off")?.as_str() {
        "" | "false" => false,
        "true" => true,
        _ => return Err(Fault::invalid("handed_off", "handed_off must be true or false").into()),
    };
    let request = ListThreadsRequest {
        caller: Some(client.caller(None)),
        page_size: params.count("limit", PAGE_MAX)?.unwrap_or_default(),
        page_token: text("after")?,
        handed_off_only,
        visitor_id: text("visitor")?,
    };
    let page = error::ask!(AGENT, door.threads(), list_threads(request)).await.map_err(query::named)?;
    let next = Some(page.next_page_token).filter(|next| !next.is_empty());
    Ok(answer::json(ThreadsAnswer {
        threads: page.threads.into_iter().map(ThreadAnswer::from).collect(),
        next,
    }))
}

/// Get a thread
///
/// Answers a conversation with what was said in it.
#[utoipa::path(
    get,
    path = "/api/operator/threads/{thread_id}",
    tag = "operator",
    operation_id = "get_thread",
    security(("operator_token" = [])),
    params(("thread_id" = String, Path, example = "thr_01JB7Z9V3S2N8Q4T6W0XY5KCEM", description = "The conversation's id.")),
    responses((status = 200, description = "The conversation.", body = TranscriptAnswer), OperatorProblems),
)]
pub(crate) async fn get_thread(
    State(door): State<Door>,
    _: Operator,
    client: Client,
    path: Result<Path<String>, PathRejection>,
) -> Result<Response, Problem> {
    let request = GetThreadRequest { caller: Some(client.caller(None)), thread_id: id_of(path)? };
    let found = error::ask!(AGENT, door.threads(), get_thread(request)).await?;
    let messages = found.messages.into_iter().map(SaidAnswer::from).collect();
    Ok(answer::json(TranscriptAnswer { thread: thread(found.thread)?, messages }))
}

/// Reply in a thread
///
/// Puts what a person says into a conversation, under their name. From then on it is theirs, and the model says nothing in
/// it until it is released or no person has written for long (`HANDOFF_TIMEOUT`). The same `Idempotency-Key` again
/// changes nothing and answers the same message; with another text it is refused.
#[utoipa::path(
    post,
    path = "/api/operator/threads/{thread_id}/messages",
    tag = "operator",
    operation_id = "reply_in_thread",
    security(("operator_token" = [])),
    params(
        ("thread_id" = String, Path, example = "thr_01JB7Z9V3S2N8Q4T6W0XY5KCEM", description = "The conversation's id."),
        IdempotencyKey,
    ),
    request_body(
        content = ReplyRequest,
        example = json!({"text": "Hello, this is Anna. How can I help?", "author": "Anna"}),
    ),
    responses((status = 200, description = "The message.", body = PostedAnswer), OperatorProblems),
)]
pub(crate) async fn reply_in_thread(
    State(door): State<Door>,
    _: Operator,
    client: Client,
    RequestId(request_id): RequestId,
    path: Result<Path<String>, PathRejection>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    let bytes = body::read(&headers, body, BODY_MAX).await?;
    let mut fields = Fields::parse(&headers, &bytes)?;
    let request = PostMessageRequest {
        caller: Some(client.caller(None)),
        request_id,
        thread_id: id_of(path)?,
        text: fields.required_text("text")?,
        author: fields.text("author")?.unwrap_or_default(),
    };
    let posted = error::ask!(AGENT, door.threads(), post_message(request)).await.map_err(key::named)?;
    let message = SaidAnswer::from(posted.message.ok_or_else(|| error::nothing(AGENT))?);
    Ok(answer::json(PostedAnswer { thread: thread(posted.thread)?, message }))
}

/// Release a thread
///
/// Gives a conversation back to the model. One that no person has stays as it is.
#[utoipa::path(
    post,
    path = "/api/operator/threads/{thread_id}/release",
    tag = "operator",
    operation_id = "release_thread",
    security(("operator_token" = [])),
    params(
        ("thread_id" = String, Path, example = "thr_01JB7Z9V3S2N8Q4T6W0XY5KCEM", description = "The conversation's id."),
        IdempotencyKey,
    ),
    responses((status = 200, description = "The conversation.", body = ThreadAnswer), OperatorProblems),
)]
pub(crate) async fn release_thread(
    State(door): State<Door>,
    _: Operator,
    client: Client,
    RequestId(request_id): RequestId,
    path: Result<Path<String>, PathRejection>,
) -> Result<Response, Problem> {
    let request =
        ReleaseThreadRequest { caller: Some(client.caller(None)), request_id, thread_id: id_of(path)? };
    let released = error::ask!(AGENT, door.threads(), release_thread(request)).await?;
    Ok(answer::json(thread(released.thread)?))
}

fn thread(answered: Option<Thread>) -> Result<ThreadAnswer, Fault> {
    answered.map(ThreadAnswer::from).ok_or_else(|| error::nothing(AGENT))
}

fn state(of: ThreadState) -> &'static str {
    match of {
        ThreadState::Unspecified | ThreadState::Active => "active",
        ThreadState::WaitingHuman => "waiting_human",
        ThreadState::WithHuman => "with_human",
    }
}

impl From<Thread> for ThreadAnswer {
    fn from(thread: Thread) -> Self {
        Self {
            state: state(thread.state()),
            id: thread.thread_id,
            title: thread.title,
            workflow: thread.workflow,
            visitor_id: thread.visitor_id,
            created_at: time(thread.create_time),
            updated_at: time(thread.update_time),
            handed_off_at: time(thread.hand_off_time),
            reason: thread.hand_off_reason,
            problem: thread.hand_off_problem,
        }
    }
}

impl From<ThreadMessage> for SaidAnswer {
    fn from(message: ThreadMessage) -> Self {
        let ThreadMessage { item_id, author, text, create_time } = message;
        Self { id: item_id, author, text, created_at: time(create_time) }
    }
}
