//! Webhooks of the calendar, the till and the members: `POST /webhooks/{calcom,stripe,whop}`.
//!
//! The invariant: the body is passed on byte for byte, and of the headers nothing but signatures; the service that the
//! provider belongs to verifies, commits, and only then reads.

use std::collections::HashMap;

use axum::{Json, body::Body, extract::State, http::HeaderMap};
use chassis::Link;
use proto::common::v1::{ReceiveWebhookRequest, webhook_service_client::WebhookServiceClient};
use serde::Serialize;
use utoipa::ToSchema;

use crate::{body, caller::Client, door::Door, error, openapi::WebhookProblems, problem::Problem};

const BODY_MAX: usize = 512 << 10;
/// The headers that are passed on, all there are of them, whoever sends.
const SIGNATURES: [&str; 7] = [
    "x-cal-signature-256",
    "x-cal-webhook-version",
    "stripe-signature",
    "webhook-id",
    "webhook-timestamp",
    "webhook-signature",
    "x-whop-signature",
];

/// Whose webhooks there are.
#[derive(Clone, Copy)]
enum Provider {
    Calcom,
    Stripe,
    Whop,
}

impl Provider {
    /// Its name inward, the service that it belongs to, and the way there.
    fn owner(self, door: &Door) -> (&'static str, &'static str, WebhookServiceClient<Link>) {
        match self {
            Self::Calcom => ("calcom", "booking-payments", door.till_webhooks()),
            Self::Stripe => ("stripe", "booking-payments", door.till_webhooks()),
            Self::Whop => ("whop", "whop-gateway", door.whop_webhooks()),
        }
    }
}

/// What became of a delivery. It is durable when this is answered.
#[derive(Serialize, ToSchema)]
pub(crate) struct WebhookAnswer {
    /// Always true.
    received: bool,
    /// It was taken before and changed nothing.
    #[schema(example = false)]
    duplicate: bool,
}

/// Receive a webhook of Cal.com
///
/// Takes a delivery that is signed with one of `CALCOM_WEBHOOK_SECRETS`. Send it again whenever the answer is not 200.
#[utoipa::path(
    post,
    path = "/webhooks/calcom",
    tag = "webhooks",
    operation_id = "receive_calcom_webhook",
    params(
        ("X-Cal-Signature-256" = Option<String>, Header, description = "HMAC-SHA-256 of the body, in hex."),
        ("X-Cal-Webhook-Version" = Option<String>, Header, description = "The version of the body's shape."),
    ),
    request_body(content = Object, description = "As Cal.com sends it."),
    responses((status = 200, description = "Committed.", body = WebhookAnswer), WebhookProblems),
)]
pub(crate) async fn receive_calcom_webhook(
    State(door): State<Door>,
    client: Client,
    headers: HeaderMap,
    body: Body,
) -> Result<Json<WebhookAnswer>, Problem> {
    receive(Provider::Calcom, &door, client, &headers, body).await
}

/// Receive a webhook of Stripe
///
/// Takes a delivery that is signed with one of `STRIPE_WEBHOOK_SECRETS`. Send it again whenever the answer is not 200.
#[utoipa::path(
    post,
    path = "/webhooks/stripe",
    tag = "webhooks",
    operation_id = "receive_stripe_webhook",
    params(("Stripe-Signature" = Option<String>, Header, description = "Time and signatures: `t=…,v1=…`.")),
    request_body(content = Object, description = "An event, as Stripe sends it."),
    responses((status = 200, description = "Committed.", body = WebhookAnswer), WebhookProblems),
)]
pub(crate) async fn receive_stripe_webhook(
    State(door): State<Door>,
    client: Client,
    headers: HeaderMap,
    body: Body,
) -> Result<Json<WebhookAnswer>, Problem> {
    receive(Provider::Stripe, &door, client, &headers, body).await
}

/// Receive a webhook of Whop
///
/// Takes a delivery that is signed with one of `WHOP_WEBHOOK_SECRETS`, as Standard Webhooks have it or as Whop did before.
/// Send it again whenever the answer is not 200.
#[utoipa::path(
    post,
    path = "/webhooks/whop",
    tag = "webhooks",
    operation_id = "receive_whop_webhook",
    params(
        ("Webhook-Id" = Option<String>, Header, description = "The delivery's id."),
        ("Webhook-Timestamp" = Option<String>, Header, description = "When it was signed, in unix seconds."),
        ("Webhook-Signature" = Option<String>, Header, description = "Signatures: `v1,…`, separated by spaces."),
        ("X-Whop-Signature" = Option<String>, Header, description = "Time and signature of older webhooks: `t=…,v1=…`."),
    ),
    request_body(content = Object, description = "An event, as Whop sends it."),
    responses((status = 200, description = "Committed.", body = WebhookAnswer), WebhookProblems),
)]
pub(crate) async fn receive_whop_webhook(
    State(door): State<Door>,
    client: Client,
    headers: HeaderMap,
    body: Body,
) -> Result<Json<WebhookAnswer>, Problem> {
    receive(Provider::Whop, &door, client, &headers, body).await
}

async fn receive(
    provider: Provider,
    door: &Door,
    client: Client,
    headers: &HeaderMap,
    body: Body,
) -> Result<Json<WebhookAnswer>, Problem> {
    let (name, service, webhooks) = provider.owner(door);
    let request = ReceiveWebhookRequest {
        caller: Some(client.caller(None)),
        request_id: chassis::request_id::current().unwrap_or_default(),
        provider: name.to_owned(),
        headers: signatures(headers),
        body: body::read(headers, body, BODY_MAX).await?,
    };
    let done = error::ask!(service, webhooks, receive_webhook(request)).await?;
    Ok(Json(WebhookAnswer { received: true, duplicate: done.duplicate }))
}

/// What stands twice proves nothing and is left out, as are bytes that are no text.
fn signatures(headers: &HeaderMap) -> HashMap<String, String> {
    let only = |name: &'static str| {
        let mut values = headers.get_all(name).iter();
        let (Some(value), None) = (values.next(), values.next()) else { return None };
        Some((name.to_owned(), value.to_str().ok()?.to_owned()))
    };
    SIGNATURES.into_iter().filter_map(only).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_but_signatures_is_passed_on() {
        let mut headers = HeaderMap::new();
        for (name, value) in [
            ("Stripe-Signature", "t=1,v1=a"),
            ("Webhook-Id", "msg_1"),
            ("X-Whop-User-Token", "canary"),
            ("X-Cal-Signature-256", "ab"),
            ("x-cal-signature-256", "cd"),
            ("Authorization", "Bearer canary"),
            ("Cookie", "canary"),
        ] {
            headers.append(name.parse::<axum::http::HeaderName>().unwrap(), value.parse().unwrap());
        }
        headers.insert("x-cal-webhook-version", axum::http::HeaderValue::from_bytes(b"\xff").unwrap());
        let kept = signatures(&headers);
        let expected = [("stripe-signature", "t=1,v1=a"), ("webhook-id", "msg_1")];
        assert_eq!(kept, expected.map(|(name, value)| (name.to_owned(), value.to_owned())).into());
    }
}
