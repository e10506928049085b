//! The routes and their contract: `GET /openapi.json`.
//!
//! The invariant: a route is added together with its description; `routes!` takes no handler without one.

mod headers;

use std::{collections::BTreeMap, sync::Arc};

use axum::{
    Extension, Router,
    http::header,
    response::{IntoResponse, Response},
};
use chassis::Context;
use utoipa::{
    IntoResponses, Modify, OpenApi as _,
    openapi::{
        Content, OpenApi, Ref, RefOr, ResponseBuilder, Server,
        security::{ApiKey, ApiKeyValue, Http, HttpAuthScheme, SecurityScheme},
    },
};
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{
    chatkit, checkout, config::Config, docs, door::Door, events, health, mcp, member, operator, portal,
    problem, session, site, webhooks, widget,
};

/// What the whole document says of itself.
#[derive(utoipa::OpenApi)]
#[openapi(
    info(
        title = "Frontdesk",
        description = "Sessions for a website's chat agent, and books that never lose or repeat a line. Whatever is \
            refused is answered with a `Problem`: 404 where there is nothing, 405 with `Allow` where there is \
            something else.",
        license(name = "Apache-2.0", identifier = "Apache-2.0"),
    ),
    components(schemas(problem::Document, chatkit::told::ChatEvent, mcp::McpVersion)),
    modifiers(&Credentials),
    tags(
        (name = "sessions", description = "A chat's client secret, for a page."),
        (name = "chat", description = "The chat itself, and the script that brings it to a page."),
        (name = "agents", description = "The agents' tools, for agents of others."),
        (name = "events", description = "What happened in a chat, for the books."),
        (name = "portal", description = "What members see and ask for inside Whop."),
        (name = "webhooks", description = "What the calendar, the till and Whop report of themselves."),
        (name = "payments", description = "Where a link to pay leads back to."),
        (name = "operator", description = "The books, for the operator's own programs."),
        (name = "operation", description = "The gateway itself."),
    ),
)]
struct Api;

/// The credentials of a browser, and the operator's.
struct Credentials;

impl Modify for Credentials {
    fn modify(&self, api: &mut OpenApi) {
        for (name, description) in [
            ("client_secret", "`client_secret` of a self-hosted session."),
            (
                "mcp_token",
                "The workflow's token of `MCP_TOKENS`, for ops-copilot `OPERATOR_TOKEN`; `frontdesk mcp connect` shows it.",
            ),
            ("operator_token", "`OPERATOR_TOKEN`; a local run keeps it in `.frontdesk/operator-token`."),
        ] {
            let mut scheme = Http::new(HttpAuthScheme::Bearer);
            scheme.description = Some(description.into());
            api.components.get_or_insert_default().add_security_scheme(name, SecurityScheme::Http(scheme));
        }
        let description = "Added by Whop's proxy to the requests of the app's own page.";
        let token = ApiKey::Header(ApiKeyValue::with_description(member::TOKEN, description));
        let scheme = SecurityScheme::ApiKey(token);
        api.components.get_or_insert_default().add_security_scheme("whop_user_token", scheme);
    }
}

/// The contract as it is served.
pub(crate) struct Published {
    json: String,
    docs: String,
}

/// All public routes, described.
pub(crate) fn routes(config: &Config, ctx: &Context) -> Router<Door> {
    let mut routes = OpenApiRouter::with_openapi(Api::openapi())
        .routes(routes!(session::create_session))
        .routes(routes!(session::refresh_session))
        .routes(routes!(chatkit::process_chat))
        .routes(routes!(widget::get_widget))
        .routes(routes!(events::ingest_events))
        .routes(routes!(webhooks::receive_calcom_webhook))
        .routes(routes!(webhooks::receive_stripe_webhook))
        .routes(routes!(webhooks::receive_whop_webhook))
        .merge(portal::routes())
        .routes(routes!(checkout::get_checkout))
        .routes(routes!(health::get_health))
        .routes(routes!(get_openapi))
        .routes(routes!(docs::get_docs))
        .routes(routes!(site::get_home))
        .routes(routes!(site::get_services));
    if !ctx.cloud {
        routes = routes.routes(routes!(health::get_healthz));
    }
    if config.serves_agents(ctx.cloud) {
        routes = routes.merge(mcp::routes());
    }
    if !ctx.cloud || config.operator_token.is_some() {
        routes = routes.merge(operator::routes());
    }
    let (router, mut api) = routes.split_for_parts();
    let base = config.public_base_url.as_ref().map_or("/", url::Url::as_str);
    api.servers = Some(vec![Server::new(base)]);
    router.layer(Extension(Arc::new(Published::new(&api))))
}

/// Get this document
#[utoipa::path(
    get,
    path = "/openapi.json",
    tag = "operation",
    operation_id = "get_openapi",
    responses((status = 200, description = "OpenAPI 3.1.", content_type = "application/json", body = Object)),
)]
pub(crate) async fn get_openapi(Extension(published): Extension<Arc<Published>>) -> Response {
    ([(header::CONTENT_TYPE, "application/json")], published.json.clone()).into_response()
}

// === impl Published ===

impl Published {
    fn new(api: &OpenApi) -> Self {
        let mut document = serde_json::to_value(api).expect("an OpenAPI document serializes");
        headers::describe(&mut document);
        Self { json: document.to_string(), docs: docs::page(&document) }
    }

    /// The page for people.
    pub(crate) fn docs(&self) -> &str {
        &self.docs
    }
}

/// What a session route answers when it does not answer a session.
pub(crate) struct SessionProblems;

impl IntoResponses for SessionProblems {
    fn responses() -> BTreeMap<String, RefOr<utoipa::openapi::Response>> {
        let own = [
            ("401", "The token of the Whop user was not accepted."),
            ("403", "The page's origin is not allowed, or the workflow is for members."),
            ("404", "`workflowId` names no workflow, or the session is not this visitor's."),
            ("429", "Too many sessions, here or at a provider; `Retry-After` says how long to wait."),
        ];
        problems(own)
    }
}

/// What the chat route answers when it does not talk.
pub(crate) struct ChatProblems;

impl IntoResponses for ChatProblems {
    fn responses() -> BTreeMap<String, RefOr<utoipa::openapi::Response>> {
        let own = [
            (
                "401",
                "The client secret is missing, not ours, of another Whop user than the token beside it, or has ended; refresh it.",
            ),
            ("403", "The page's origin is not allowed."),
            ("404", "No such thread or item, or it is another visitor's."),
            ("429", "Too many messages; `Retry-After` says how long to wait."),
        ];
        problems(own)
    }
}

/// What the tools' route answers when it does not answer as the protocol says.
pub(crate) struct McpProblems;

impl IntoResponses for McpProblems {
    fn responses() -> BTreeMap<String, RefOr<utoipa::openapi::Response>> {
        let own = [
            ("401", "The workflow's token is missing or wrong."),
            (
                "403",
                "The page's origin or the host is not allowed, or there is no token and the call comes from afar.",
            ),
            ("404", "There is no such workflow, or none for agents."),
            ("429", "Too many calls; `Retry-After` says how long to wait."),
        ];
        let mut all = problems(own);
        // Version 2026-07-28 wants these statuses on two errors of its own.
        for status in ["400", "404"] {
            if let Some(RefOr::T(response)) = all.get_mut(status) {
                let content = Content::new(Some(RefOr::Ref(Ref::from_schema_name("McpAnswer"))));
                response.content.insert("application/json".into(), content.into());
            }
        }
        all
    }
}

/// What the portal's routes answer when they do not do what they are asked for.
pub(crate) struct MemberProblems;

impl IntoResponses for MemberProblems {
    fn responses() -> BTreeMap<String, RefOr<utoipa::openapi::Response>> {
        let own = [
            (
                "401",
                "Nothing proves which member it is: the token or the client secret is missing or was not accepted.",
            ),
            ("403", "The call comes from a page whose origin is not allowed."),
            ("404", "There is no such thing, or it is another member's."),
            ("429", "Too many calls; `Retry-After` says how long to wait."),
        ];
        problems(own)
    }
}

/// What the events route answers when it takes nothing.
pub(crate) struct EventProblems;

impl IntoResponses for EventProblems {
    fn responses() -> BTreeMap<String, RefOr<utoipa::openapi::Response>> {
        let own = [
            ("401", "The secret is missing or wrong."),
            ("403", "No secret is configured and the call does not come from the same machine."),
        ];
        problems(own)
    }
}

/// What a webhook's route answers when it takes nothing.
pub(crate) struct WebhookProblems;

impl IntoResponses for WebhookProblems {
    fn responses() -> BTreeMap<String, RefOr<utoipa::openapi::Response>> {
        problems([("401", "The signature is missing, wrong or too old.")])
    }
}

/// What an operator's route answers when it does not do what it is asked for.
pub(crate) struct OperatorProblems;

impl IntoResponses for OperatorProblems {
    fn responses() -> BTreeMap<String, RefOr<utoipa::openapi::Response>> {
        let own = [
            ("401", "The operator's token is missing or wrong."),
            ("403", "The call comes from a page whose origin is not allowed."),
            ("404", "There is no such thing."),
            ("429", "Too many calls; `Retry-After` says how long to wait."),
        ];
        problems(own)
    }
}

fn problems<const N: usize>(own: [(&str, &str); N]) -> BTreeMap<String, RefOr<utoipa::openapi::Response>> {
    let shared = [
        ("400", "The body is malformed or a value is not acceptable."),
        ("409", "Somebody else went on changing the same thing."),
        ("413", "The body is too long."),
        ("500", "Our fault; the request id finds it in the log."),
        ("503", "A service or a provider did not answer; try again later."),
        ("504", "The answer took too long."),
    ];
    let respond = |(status, description): (&str, &str)| {
        let schema = Ref::from_schema_name("Problem");
        let content = Content::new(Some(RefOr::Ref(schema)));
        let response = ResponseBuilder::new().description(description).content(problem::MEDIA_TYPE, content);
        (status.to_owned(), response.build().into())
    };
    own.into_iter().chain(shared).map(respond).collect()
}
