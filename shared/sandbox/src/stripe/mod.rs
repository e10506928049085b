//! Stripe's endpoints: Checkout Sessions and what comes of them, version 2026-10-28, in test mode.
//!
//! It exists so that the production client meets Stripe's own rules, forms, keys and events. The invariant: a request
//! that Stripe refuses is refused here, with Stripe's error shape, and changes nothing.

mod back;
mod billing;
mod catalogue;
mod checkout;
mod error;
mod expand;
mod form;
mod idempotency;
mod money;
pub(crate) mod page;
mod payment;
mod read;
mod shelf;
mod till;

use axum::{
    Json,
    body::Bytes,
    extract::State,
    http::{HeaderMap, HeaderValue, Method, StatusCode, Uri, header},
    response::{IntoResponse, Response},
};
use jiff::Timestamp;
use serde_json::{Value, json};

pub use self::catalogue::{MONTHLY_PRICE, ONE_TIME_PRICE};
pub use self::till::Till;
pub(crate) use self::{error::Refusal, money::written};
use self::{
    form::{Form, Taken},
    idempotency::Keys,
    shelf::{Cause, Desk, shape, text},
};
use crate::{Asked, Provider, Sandbox, db::Db, edge::bearer, webhooks::Message};

/// The secret key that the stand-in takes.
pub const STRIPE_SECRET_KEY: &str = "sk_test_sandbox";
/// The only version that it plays.
pub const API_VERSION: &str = "2026-10-28.endive";

/// The far side.
pub(crate) struct Stripe {
    db: Db,
    keys: Keys,
}

/// A request that was let in.
struct Call {
    method: Method,
    path: String,
    form: Vec<u8>,
    key: Option<String>,
    base: String,
}

struct Answer {
    status: StatusCode,
    json: Value,
    replayed: bool,
}

impl Stripe {
    pub(crate) fn open(db: Db) -> anyhow::Result<Self> {
        db.lock().execute_batch(shelf::SCHEMA)?;
        let stripe = Self { db, keys: Keys::default() };
        stripe.transact(Timestamp::now(), Cause::default(), catalogue::seed)?;
        Ok(stripe)
    }

    /// One transaction; what it made known is returned, to be sent.
    fn transact<T>(
        &self,
        now: Timestamp,
        cause: Cause,
        act: impl FnOnce(&Desk<'_>) -> Taken<T>,
    ) -> Taken<(T, Vec<Value>)> {
        let mut connection = self.db.lock();
        let transaction = connection.transaction()?;
        let (done, events) = {
            let desk = Desk::new(&transaction, now, cause);
            (act(&desk)?, desk.events.take())
        };
        transaction.commit()?;
        Ok((done, events))
    }
}

impl Sandbox {
    /// Does something at Stripe, after what time has done, and sends its events.
    fn at_stripe<T>(
        &self,
        now: Timestamp,
        cause: Cause,
        act: impl FnOnce(&Desk<'_>) -> Taken<T>,
    ) -> Taken<T> {
        let stripe = &self.0.stripe;
        let ((), expired) = stripe.transact(now, Cause::default(), |desk| {
            desk.due()?.iter().try_for_each(|session| payment::expire(desk, text(session, "id")).map(drop))
        })?;
        self.tell(expired);
        let (done, events) = stripe.transact(now, cause, act)?;
        self.tell(events);
        Ok(done)
    }

    fn tell(&self, events: Vec<Value>) {
        for event in events {
            let (id, kind) = (text(&event, "id").to_owned(), text(&event, "type").to_owned());
            let body = serde_json::to_vec_pretty(&event).expect("a value is always JSON");
            self.announce(Provider::Stripe, Message::new(id, kind, body.into()));
        }
    }
}

/// An error of this status in Stripe's shape, as a fault answers it.
pub(crate) fn refusal(status: StatusCode) -> Response {
    named(Refusal::of_status(status).into_response(), shelf::new_id("req"))
}

/// An answer, with what every answer of Stripe's says of itself.
fn named(mut response: Response, request: String) -> Response {
    let headers = response.headers_mut();
    headers.insert("request-id", HeaderValue::try_from(request).expect("an id is plain ASCII"));
    headers.insert("stripe-version", HeaderValue::from_static(API_VERSION));
    response
}

/// Keeps an error 500 as the answer to its key, as Stripe does.
pub(crate) fn keep_failure(sandbox: &Sandbox, key: &str, asked: &Asked, body: &[u8]) {
    let path = asked.path.split('?').next().unwrap_or_default();
    let request = idempotency::print(&asked.method, path, body);
    let json = Refusal::of_status(StatusCode::INTERNAL_SERVER_ERROR).json();
    let (now, status) = (Timestamp::now().as_second(), StatusCode::INTERNAL_SERVER_ERROR);
    let connection = sandbox.0.stripe.db.lock();
    if let Err(error) = idempotency::keep(&connection, key, &request, now, status, &json) {
        tracing::error!(%error, "cannot use the sandbox's file");
    }
}

/// Answers every path under `/stripe/v1/`.
pub(crate) async fn answer(
    State(sandbox): State<Sandbox>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let request = shelf::new_id("req");
    let answer = match admit(&headers, &method, &uri, body) {
        Err(refusal) => Err(refusal),
        Ok(call) => {
            let cause = Cause { request: Some(request.clone()), key: call.key.clone() };
            // The database waits for the disk, so it gets a thread where waiting is fine.
            let work = tokio::task::spawn_blocking(move || run(&sandbox, &call, cause));
            work.await.unwrap_or_else(|_| Err(Refusal::of_status(StatusCode::INTERNAL_SERVER_ERROR)))
        }
    };
    let replayed = answer.as_ref().is_ok_and(|answer| answer.replayed);
    let mut response = match answer {
        Ok(answer) => (answer.status, Json(answer.json)).into_response(),
        Err(refusal) => refusal.into_response(),
    };
    if replayed {
        response.headers_mut().insert("idempotent-replayed", HeaderValue::from_static("true"));
    }
    named(response, request)
}

fn admit(headers: &HeaderMap, method: &Method, uri: &Uri, body: Bytes) -> Taken<Call> {
    let header = |name: &str| headers.get(name).map(|value| value.to_str().unwrap_or_default());
    match bearer(headers) {
        Some(STRIPE_SECRET_KEY) => {}
        Some(_) => return Err(Refusal::of_status(StatusCode::UNAUTHORIZED)),
        None => {
            let message = "You did not provide an API key. You need to provide your API key in the Authorization header, using Bearer auth (e.g. 'Authorization: Bearer YOUR_SECRET_KEY').";
            return Err(Refusal::new(message).status(StatusCode::UNAUTHORIZED));
        }
    }
    match header("stripe-version") {
        Some(API_VERSION) => {}
        // Stripe then takes the account's default version, which is another one here.
        None => {
            return Err(Refusal::new(format!(
                "The account's default API version is not {API_VERSION}, and the sandbox plays that one only: send Stripe-Version."
            )));
        }
        Some(_) => {
            return Err(Refusal::new(format!(
                "Invalid Stripe API version. The sandbox plays {API_VERSION} only."
            )));
        }
    }
    let kind =
        header("content-type").unwrap_or_default().split(';').next().unwrap_or_default().trim().to_owned();
    if !body.is_empty() && !kind.eq_ignore_ascii_case("application/x-www-form-urlencoded") {
        let message = format!(
            "Invalid request (check that your {method} content type is application/x-www-form-urlencoded)."
        );
        return Err(Refusal::new(message));
    }
    let query = uri.query().unwrap_or_default().as_bytes();
    let form = match *method {
        Method::POST if query.is_empty() => body.to_vec(),
        Method::POST => return Err(Refusal::new("Query parameters are not taken by a POST request.")),
        _ if body.is_empty() => query.to_vec(),
        _ => body.to_vec(),
    };
    Ok(Call {
        method: method.clone(),
        path: uri.path().to_owned(),
        form,
        key: header("idempotency-key").filter(|_| method == Method::POST).map(str::to_owned),
        base: format!("http://{}", header(header::HOST.as_str()).unwrap_or("localhost")),
    })
}

fn run(sandbox: &Sandbox, call: &Call, cause: Cause) -> Taken<Answer> {
    let _hold = call.key.as_deref().map(|key| sandbox.0.stripe.keys.hold(key)).transpose()?;
    let print = idempotency::print(call.method.as_str(), &call.path, &call.form);
    sandbox.at_stripe(Timestamp::now(), cause, |desk| {
        if let Some(key) = &call.key
            && let Some((status, json)) = idempotency::recall(desk.connection(), key, &print, desk.now)?
        {
            return Ok(Answer { status, json, replayed: true });
        }
        let mut form = Form::parse(&call.form)?;
        let paths = form.texts("expand")?;
        let mut json = dispatch(desk, call, form)?;
        expand::apply(desk, &mut json, &paths)?;
        let status = StatusCode::OK;
        if let Some(key) = &call.key {
            idempotency::keep(desk.connection(), key, &print, desk.now, status, &json)?;
        }
        Ok(Answer { status, json, replayed: false })
    })
}

fn dispatch(desk: &Desk<'_>, call: &Call, form: Form) -> Taken<Value> {
    let path = call.path.trim_start_matches("/stripe/v1/");
    if call.method == Method::GET {
        return get(desk, path, form);
    }
    let steps: Vec<&str> = path.split('/').collect();
    let (post, delete) = (call.method == Method::POST, call.method == Method::DELETE);
    match steps[..] {
        ["checkout", "sessions"] if post => checkout::create(desk, form, &call.base),
        ["checkout", "sessions", id, "expire"] if post => {
            form.end(&[])?;
            payment::expire(desk, id)
        }
        ["refunds"] if post => back::create(desk, form),
        ["subscriptions", id] if post => billing::update(desk, id, form),
        ["subscriptions", id] if delete => {
            form.end(&["cancellation_details", "invoice_now", "prorate"])?;
            billing::cancel(desk, id)
        }
        _ => Err(unrecognized(&call.method, path)),
    }
}

fn get(desk: &Desk<'_>, path: &str, form: Form) -> Taken<Value> {
    for resource in &read::RESOURCES {
        match path.strip_prefix(resource.path).map(|rest| rest.split('/').skip(1).collect::<Vec<_>>()) {
            Some(rest) if rest.is_empty() && path == resource.path => {
                return read::page(desk, resource, form);
            }
            Some(rest) if rest.len() == 1 => return read::one(desk, resource.kind, rest[0], form),
            Some(rest) if resource.kind == "checkout.session" && rest.get(1) == Some(&"line_items") => {
                form.end(&["limit", "starting_after", "ending_before"])?;
                let url = format!("/v1/{path}");
                desk.get(resource.kind, rest[0])?;
                let data = expand::line_items(desk, rest[0])?;
                return Ok(json!({"object": "list", "data": data, "has_more": false, "url": url}));
            }
            _ => {}
        }
    }
    form.end(&[])?;
    match path {
        "account" => {
            let fields = json!({"created": desk.now});
            Ok(shape("account", "acct_1SandboxFrontdesk00".to_owned(), fields))
        }
        "balance" => Ok(shelf::balance()),
        _ => Err(unrecognized(&Method::GET, path)),
    }
}

fn unrecognized(method: &Method, path: &str) -> Refusal {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'/' | b'_');
    let path = if path.len() <= 200 && path.bytes().all(plain) { path } else { "…" };
    let message = format!(
        "Unrecognized request URL ({method}: /v1/{path}). Please see https://stripe.com/docs or we can help at https://support.stripe.com/."
    );
    Refusal::new(message).status(StatusCode::NOT_FOUND)
}
