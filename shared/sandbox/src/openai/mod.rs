//! OpenAI's endpoints: hosted ChatKit sessions that are minted and cancelled, their threads that are listed and
//! deleted, responses that a scripted concierge gives, moderation.
//!
//! It exists so that the production clients meet OpenAI's own rules. The invariant: a body that the published
//! schema refuses is refused here, with OpenAI's error shape.

mod body;
mod concierge;
mod error;
mod moderation;
mod node;
mod responses;
mod script;
mod session;
mod thread;

use std::{
    collections::BTreeSet,
    sync::{PoisonError, RwLock},
    time::Duration,
};

use axum::{
    Extension, Json,
    body::Bytes,
    extract::{Query, State},
    http::{HeaderMap, Method, StatusCode, Uri, header},
    response::{IntoResponse, Response},
};
use jiff::Timestamp;
use serde_json::Value;

use self::error::Refusal;
pub use self::script::{Output, Scripted};
use crate::{
    Sandbox,
    db::Db,
    edge::{StreamFault, bearer},
    faults::FaultKind,
};

/// The API key that the stand-in takes.
pub const API_KEY: &str = "sk-sandbox";

const BETA: &str = "chatkit_beta=v1";

/// The far side: which workflows there are, the sessions and responses in the database, and what is said next.
pub(crate) struct OpenAi {
    db: Db,
    workflows: RwLock<BTreeSet<String>>,
    pace: RwLock<Duration>,
    pub(crate) script: script::Script,
}

type Answer = Result<Value, Refusal>;

impl OpenAi {
    pub(crate) fn open(db: Db) -> anyhow::Result<Self> {
        let workflows = {
            let connection = db.lock();
            session::prune(&connection, Timestamp::now())?;
            responses::prune(&connection, Timestamp::now())?;
            thread::prepare(&connection)?;
            let mut statement = connection.prepare("SELECT id FROM workflows")?;
            statement.query_map([], |row| row.get(0))?.collect::<Result<_, _>>()?
        };
        Ok(Self {
            db,
            workflows: RwLock::new(workflows),
            pace: RwLock::default(),
            script: script::Script::default(),
        })
    }

    pub(crate) fn set_pace(&self, pace: Duration) {
        *self.pace.write().unwrap_or_else(PoisonError::into_inner) = pace;
    }

    pub(crate) fn add_workflow(&self, id: &str) {
        self.workflows.write().unwrap_or_else(PoisonError::into_inner).insert(id.to_owned());
        let saved = self.db.lock().execute("INSERT OR IGNORE INTO workflows VALUES (?1)", [id]);
        if let Err(error) = saved {
            tracing::warn!(%error, "workflow is known until the process ends only");
        }
    }

    /// Somebody talks in a hosted chat; the id of the thread.
    pub(crate) fn talk(&self, user: &str) -> rusqlite::Result<String> {
        thread::create(&self.db.lock(), user, Timestamp::now())
    }

    fn knows(&self, id: &str) -> bool {
        id.starts_with("wf_sandbox")
            || self.workflows.read().unwrap_or_else(PoisonError::into_inner).contains(id)
    }

    fn respond(&self, fault: Option<FaultKind>, body: &Bytes) -> Result<Response, Refusal> {
        let pace = *self.pace.read().unwrap_or_else(PoisonError::into_inner);
        responses::create(&self.db, &self.script, pace, fault, body)
    }

    fn create(&self, body: &Bytes) -> Answer {
        let order = body::parse(body)?;
        if !self.knows(&order.workflow) {
            let message = format!("Workflow with id '{}' not found.", order.workflow);
            return Err(Refusal::new(StatusCode::NOT_FOUND, message));
        }
        Ok(session::create(&self.db.lock(), order, Timestamp::now())?)
    }

    fn cancel(&self, id: &str) -> Answer {
        let cancelled = session::cancel(&self.db.lock(), id)?;
        cancelled
            .ok_or_else(|| Refusal::new(StatusCode::NOT_FOUND, format!("Session with id '{id}' not found.")))
    }
}

/// An error of this status in OpenAI's shape, as a fault answers it.
pub(crate) fn refusal(status: StatusCode) -> Response {
    Refusal::of_status(status).into_response()
}

/// A request that was let in.
struct Call {
    method: Method,
    uri: Uri,
    query: Vec<(String, String)>,
    fault: Option<FaultKind>,
    body: Bytes,
}

/// Answers every path under `/openai/v1/`.
pub(crate) async fn answer(
    State(sandbox): State<Sandbox>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    Query(query): Query<Vec<(String, String)>>,
    fault: Option<Extension<StreamFault>>,
    body: Bytes,
) -> Response {
    if let Err(refusal) = admit(&headers, &uri, &body) {
        return refusal.into_response();
    }
    let call = Call { method, uri, query, fault: fault.map(|Extension(StreamFault(kind))| kind), body };
    // The database waits for the disk, so it gets a thread where waiting is fine.
    let work = tokio::task::spawn_blocking(move || dispatch(&sandbox.0.openai, call));
    match work.await {
        Ok(Ok(response)) => response,
        Ok(Err(refusal)) => refusal.into_response(),
        Err(_) => refusal(StatusCode::INTERNAL_SERVER_ERROR),
    }
}

fn admit(headers: &HeaderMap, uri: &Uri, body: &Bytes) -> Result<(), Refusal> {
    match bearer(headers) {
        Some(API_KEY) => {}
        Some(_) => return Err(Refusal::wrong_key()),
        None => return Err(Refusal::no_key()),
    }
    let betas = headers.get_all("openai-beta").iter().filter_map(|value| value.to_str().ok());
    if uri.path().starts_with("/openai/v1/chatkit")
        && !betas.flat_map(|value| value.split(',')).any(|beta| beta.trim() == BETA)
    {
        let message = format!(
            "You must provide the 'OpenAI-Beta' header to access the ChatKit API. Please try again by setting the header 'OpenAI-Beta: {BETA}'."
        );
        return Err(Refusal::new(StatusCode::BAD_REQUEST, message).code("invalid_beta"));
    }
    let kind = headers.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    let kind = kind.split(';').next().unwrap_or_default().trim();
    if !body.is_empty() && !kind.eq_ignore_ascii_case("application/json") {
        let message = "Unsupported content type. This API method only accepts 'application/json' requests, but you did not specify that in the Content-Type header.";
        return Err(Refusal::new(StatusCode::BAD_REQUEST, message).code("unsupported_content_type"));
    }
    Ok(())
}

fn dispatch(openai: &OpenAi, call: Call) -> Result<Response, Refusal> {
    let Call { method, uri, query, fault, body } = call;
    let steps: Vec<&str> = uri.path().trim_start_matches("/openai/v1/").split('/').collect();
    let (get, post, delete) = (method == Method::GET, method == Method::POST, method == Method::DELETE);
    let value = match steps[..] {
        ["responses"] if post => return openai.respond(fault, &body),
        ["responses", id] if get => responses::get(&openai.db, id, &query),
        ["responses", id] if delete => responses::delete(&openai.db, id),
        ["responses", id, "cancel"] if post => responses::cancel(&openai.db, id),
        ["moderations"] if post => moderation::create(&body),
        ["chatkit", "sessions"] if post => openai.create(&body),
        ["chatkit", "sessions", id, "cancel"] if post => openai.cancel(id),
        ["chatkit", "threads"] if get => thread::page(&openai.db.lock(), &query),
        ["chatkit", "threads", id] if get => thread::get(&openai.db.lock(), id),
        ["chatkit", "threads", id] if delete => thread::delete(&openai.db.lock(), id),
        ["chatkit", "threads", id, "items"] if get => thread::items(&openai.db.lock(), id, &query),
        ["responses" | "moderations"]
        | ["responses", _]
        | ["responses", _, "cancel"]
        | ["chatkit", "sessions" | "threads"]
        | ["chatkit", "threads", _]
        | ["chatkit", "sessions", _, "cancel"]
        | ["chatkit", "threads", _, "items"] => Err(Refusal::wrong_method(&method, &steps.join("/"))),
        _ => Err(Refusal::new(
            StatusCode::NOT_FOUND,
            format!("Invalid URL ({method} /v1/{})", steps.join("/")),
        )),
    };
    value.map(|value| Json(value).into_response())
}
