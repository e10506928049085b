//! Webhooks of the calendar and the till: `POST /webhooks/calcom` and `POST /webhooks/stripe`.
//!
//! The invariant: the body is passed on byte for byte, and of the headers nothing but signatures; booking-payments
//! verifies, commits, and only then reads.

use std::collections::HashMap;

use axum::{Json, body::Body, extract::State, http::HeaderMap};
use proto::common::v1::ReceiveWebhookRequest;
use serde::Serialize;
use utoipa::ToSchema;

use crate::{body, caller::Client, door::Door, error, openapi::WebhookProblems, problem::Problem};

const BODY_MAX: usize = 512 << 10;
const SERVICE: &str = "booking-payments";
/// The headers that are passed on, all there are of them, whoever sends.
const SIGNATURES: [&str; 3] = ["x-cal-signature-256", "x-cal-webhook-version", "stripe-signature"];

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
    receive("calcom", &door, client, &headers, body).await
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
    receive("stripe", &door, client, &headers, body).await
}

async fn receive(
    provider: &str,
    door: &Door,
    client: Client,
    headers: &HeaderMap,
    body: Body,
) -> Result<Json<WebhookAnswer>, Problem> {
    let request = ReceiveWebhookRequest {
        caller: Some(client.caller(None)),
        request_id: chassis::request_id::current().unwrap_or_default(),
        provider: provider.to_owned(),
        headers: signatures(headers),
        body: body::read(headers, body, BODY_MAX).await?,
    };
    let webhooks = door.webhooks();
    let done = error::call(SERVICE, &webhooks, request, |mut webhooks, request| async move {
        webhooks.receive_webhook(request).await
    })
    .await?;
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
            ("X-Cal-Signature-256", "ab"),
            ("x-cal-signature-256", "cd"),
            ("Authorization", "Bearer canary"),
            ("Cookie", "canary"),
        ] {
            headers.append(name.parse::<axum::http::HeaderName>().unwrap(), value.parse().unwrap());
        }
        headers.insert("x-cal-webhook-version", axum::http::HeaderValue::from_bytes(b"\xff").unwrap());
        let kept = signatures(&headers);
        assert_eq!(kept, HashMap::from([("stripe-signature".to_owned(), "t=1,v1=a".to_owned())]));
    }
}
