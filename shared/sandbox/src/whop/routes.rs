//! Which path is which, and what every request needs: the account's key, and a version that is played.
//!
//! The invariant: a write is answered after it is on the disk, and under one `Idempotency-Key` it is done once.

use axum::{
    Json,
    body::Bytes,
    extract::State,
    http::{HeaderMap, Method, StatusCode, Uri, header},
    response::{IntoResponse as _, Response},
};
use jiff::Timestamp;
use serde_json::Value;

use super::{
    WHOP_API_KEY,
    ask::{Body, Query},
    catalogue, checkouts,
    error::{Refusal, Taken},
    hooks, idempotency, memberships, people,
    records::{Dispute, Payment, Refund},
    shelf::Desk,
    support, till,
    version::Version,
};
use crate::{Sandbox, edge::bearer};

/// A request that was let in.
struct Call {
    method: Method,
    /// After `/whop/api/v1/`.
    path: String,
    query: String,
    body: Bytes,
    is_json: bool,
    version: Version,
    key: Option<String>,
    base: String,
}

/// Answers every path under `/whop/api/v1/`.
pub(crate) async fn answer(
    State(sandbox): State<Sandbox>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let answer = match Call::admit(method, &uri, &headers, body) {
        Ok(call) => call.answer(sandbox).await,
        Err(refusal) => Err(refusal),
    };
    match answer {
        Ok(json) => Json(json).into_response(),
        Err(refusal) => refusal.into_response(),
    }
}

impl Call {
    fn admit(method: Method, uri: &Uri, headers: &HeaderMap, body: Bytes) -> Taken<Self> {
        if bearer(headers) != Some(WHOP_API_KEY) {
            return Err(Refusal::of_status(StatusCode::UNAUTHORIZED));
        }
        let header =
            |name: header::HeaderName| headers.get(name).map(|value| value.to_str().unwrap_or_default());
        let kind = header(header::CONTENT_TYPE).unwrap_or_default().split(';').next().unwrap_or_default();
        Ok(Self {
            path: uri.path().trim_start_matches("/whop/api/v1/").to_owned(),
            query: uri.query().unwrap_or_default().to_owned(),
            is_json: kind.trim().eq_ignore_ascii_case("application/json"),
            version: Version::of(headers)?,
            key: header(header::HeaderName::from_static("idempotency-key"))
                .filter(|_| method != Method::GET)
                .map(str::to_owned),
            base: format!("http://{}", header(header::HOST).unwrap_or("localhost")),
            method,
            body,
        })
    }

    async fn answer(self, sandbox: Sandbox) -> Taken<Value> {
        let path = self.path.clone();
        let steps: Vec<&str> = path.split('/').collect();
        if let ["webhooks", rest @ ..] = &steps[..] {
            return match self.method {
                Method::GET => hooks::read(&sandbox, rest, Query::parse(&self.query), self.version),
                Method::POST => hooks::replay(&sandbox, rest, self.take_body()?).await,
                _ => Err(Refusal::of_status(StatusCode::NOT_FOUND)),
            };
        }
        // The database waits for the disk, so it gets a thread where waiting is fine.
        let work =
            tokio::task::spawn_blocking(move || sandbox.at_whop(Timestamp::now(), |desk| self.once(desk)));
        work.await.unwrap_or_else(|_| Err(Refusal::of_status(StatusCode::INTERNAL_SERVER_ERROR)))
    }

    fn take_body(&self) -> Taken<Body> {
        Query::parse(&self.query).end(&[])?;
        Body::parse(&self.body, self.is_json)
    }

    /// Under a key the work is done by the first request alone.
    fn once(&self, desk: &Desk<'_>) -> Taken<Value> {
        let Some(key) = &self.key else { return self.dispatch(desk) };
        let body: Value = serde_json::from_slice(&self.body).unwrap_or_default();
        let print = format!("{} {}\n{:?}\n{body}", self.method, self.path, self.version);
        if let Some(json) = idempotency::recall(desk, key, &print)? {
            return Ok(json);
        }
        let json = self.dispatch(desk)?;
        idempotency::keep(desk, key, &print, &json)?;
        Ok(json)
    }

    fn dispatch(&self, desk: &Desk<'_>) -> Taken<Value> {
        let steps: Vec<&str> = self.path.split('/').collect();
        match self.method {
            Method::GET => self.read(desk, &steps),
            Method::POST | Method::PATCH => self.write(desk, &steps),
            _ => Err(Refusal::of_status(StatusCode::NOT_FOUND)),
        }
    }

    fn read(&self, desk: &Desk<'_>, steps: &[&str]) -> Taken<Value> {
        let (query, version) = (Query::parse(&self.query), self.version);
        match steps {
            ["memberships"] => return memberships::list(desk, query, version),
            ["memberships", id] => return memberships::get(desk, id, query, version),
            ["payments"] => return till::payments(desk, query, version),
            ["payments", id] => return till::get::<Payment>(desk, id, query, version),
            ["refunds"] => return till::refunds(desk, query, version),
            ["refunds", id] => return till::get::<Refund>(desk, id, query, version),
            ["disputes", id] => return till::get::<Dispute>(desk, id, query, version),
            _ => version.dated_only("this path")?,
        }
        match steps {
            ["members"] => people::list(desk, query),
            ["members", id] => people::get(desk, id, query),
            ["users", id] => people::user(desk, id, query),
            ["users", id, "access", resource] => people::access(desk, id, resource, query),
            ["products"] => catalogue::products(desk, query),
            ["products", id] => catalogue::one_product(desk, id, query),
            ["plans" | "variants"] => catalogue::plans(desk, query),
            ["plans" | "variants", id] => catalogue::one_plan(desk, id, query),
            ["checkout_configurations"] => checkouts::list(desk, query),
            ["checkout_configurations", id] => checkouts::get(desk, id, query),
            ["support_channels"] => support::list(desk, query),
            ["support_channels", id] => support::get(desk, id, query),
            ["messages"] => support::messages(desk, query),
            _ => Err(Refusal::of_status(StatusCode::NOT_FOUND)),
        }
    }

    fn write(&self, desk: &Desk<'_>, steps: &[&str]) -> Taken<Value> {
        let (body, version) = (self.take_body()?, self.version);
        if self.method == Method::PATCH {
            return match steps {
                ["memberships", id] => memberships::update(desk, id, body, version),
                _ => Err(Refusal::of_status(StatusCode::NOT_FOUND)),
            };
        }
        if let ["memberships", id, "cancel"] = steps {
            return memberships::cancel(desk, id, body, version);
        }
        version.dated_only("this path")?;
        match steps {
            ["checkout_configurations"] => checkouts::create(desk, body, &self.base),
            ["support_channels"] => support::open(desk, body),
            ["messages"] => support::post(desk, body),
            _ => Err(Refusal::of_status(StatusCode::NOT_FOUND)),
        }
    }
}
