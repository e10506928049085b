//! Whether Cal.com and Stripe take our keys, asked without changing anything.
//!
//! For `frontdesk doctor`. The invariant: nothing of an answer is told but its status, and no key is.

use std::time::Duration;

use chassis::{http::RequestExt as _, telemetry};
use reqwest::{RequestBuilder, StatusCode};
use secrecy::{ExposeSecret as _, SecretString};
use url::Url;

use crate::Config;

const PATIENCE: Duration = Duration::from_secs(10);

/// Asks who we are, `GET /v2/me` (Cal.com's API reference, v2, Me).
///
/// # Errors
/// What is wrong and what to do, in one line.
pub async fn check_calcom(config: &Config) -> Result<String, String> {
    let request = ask(&config.calcom_base_url, "v2/me", &config.calcom_api_key);
    match status(request).await {
        Some(StatusCode::OK) => Ok("Cal.com takes the key".into()),
        Some(StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN) => {
            Err("Cal.com does not take the key: set CALCOM_API_KEY to one of its settings' page".into())
        }
        other => Err(unclear("Cal.com", "CALCOM_BASE_URL", other)),
    }
}

/// Asks for the balance, `GET /v1/balance` (Stripe's API reference, Balance), which every secret key may read.
///
/// # Errors
/// What is wrong and what to do, in one line.
pub async fn check_stripe(config: &Config) -> Result<String, String> {
    let key = &config.stripe_secret_key;
    let mode = if key.expose_secret().contains("_test_") { "of the test mode" } else { "of the live mode" };
    match status(ask(&config.stripe_base_url, "v1/balance", key)).await {
        Some(StatusCode::OK) => Ok(format!("Stripe takes the key, which is {mode}")),
        Some(StatusCode::FORBIDDEN) => {
            Ok(format!("Stripe knows the key, which is {mode}; whether its permissions suffice shows in use"))
        }
        Some(StatusCode::UNAUTHORIZED) => {
            Err("Stripe does not take the key: set STRIPE_SECRET_KEY to a secret or restricted one".into())
        }
        other => Err(unclear("Stripe", "STRIPE_BASE_URL", other)),
    }
}

fn ask(base: &Url, path: &str, key: &SecretString) -> RequestBuilder {
    let mut url = base.clone();
    if let Ok(mut segments) = url.path_segments_mut() {
        segments.pop_if_empty().extend(path.split('/'));
    }
    chassis::http::client().get(url).bearer_auth(key.expose_secret())
}

async fn status(request: RequestBuilder) -> Option<StatusCode> {
    telemetry::send(request.outbound(PATIENCE)).await.ok().map(|answer| answer.status())
}

fn unclear(provider: &str, setting: &str, status: Option<StatusCode>) -> String {
    match status {
        Some(StatusCode::TOO_MANY_REQUESTS) => {
            format!("{provider} takes no calls at the moment: try again in a minute")
        }
        Some(status) => format!("{provider} answered {}: try again later", status.as_u16()),
        None => format!("{provider} cannot be reached: look at {setting} and the network"),
    }
}
