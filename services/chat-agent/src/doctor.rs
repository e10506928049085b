//! Whether OpenAI takes our key and has our models, asked without using any.
//!
//! For `frontdesk doctor`. The invariant: nothing of an answer is told but its status, and no key is.

use std::{collections::BTreeSet, time::Duration};

use chassis::{http::RequestExt as _, telemetry};
use reqwest::StatusCode;
use secrecy::ExposeSecret as _;

use crate::Config;

const PATIENCE: Duration = Duration::from_secs(10);

/// Asks for every model that a workflow names, `GET /models/{model}`.
///
/// # Errors
/// What is wrong and what to do, in one line; the first thing that is.
pub async fn check(config: &Config) -> Result<String, String> {
    let registry = config.registry().map_err(|problems| chassis::config::listed(&problems))?;
    let named = registry.iter().filter_map(|workflow| workflow.model.clone());
    let models: BTreeSet<String> = named.chain([config.openai_model.clone()]).collect();
    for model in &models {
        ask(config, model).await?;
    }
    let models: Vec<&str> = models.iter().map(String::as_str).collect();
    Ok(format!("OpenAI takes the key and has {}", models.join(", ")))
}

async fn ask(config: &Config, model: &str) -> Result<(), String> {
    let mut url = config.openai_base_url.clone();
    if let Ok(mut path) = url.path_segments_mut() {
        path.pop_if_empty().extend(["models", model]);
    }
    let request = chassis::http::client().get(url).bearer_auth(config.openai_api_key.expose_secret());
    let answer = telemetry::send(request.outbound(PATIENCE)).await;
    match answer.map(|answer| answer.status()) {
        Ok(StatusCode::OK) => Ok(()),
        Ok(StatusCode::UNAUTHORIZED) => {
            Err("OpenAI does not take the key: set OPENAI_API_KEY to one of the project's".into())
        }
        Ok(StatusCode::FORBIDDEN) => Err(format!(
            "the key may not use {model}: allow it in the project, or set OPENAI_MODEL to another"
        )),
        Ok(StatusCode::NOT_FOUND) => {
            Err(format!("there is no model {model} for this key: set OPENAI_MODEL to another"))
        }
        Ok(StatusCode::TOO_MANY_REQUESTS) => {
            Err("OpenAI's limit is used up: look at the project's usage and billing".into())
        }
        Ok(status) => Err(format!("OpenAI answered {}: try again later", status.as_u16())),
        Err(_) => Err("OpenAI cannot be reached: look at OPENAI_BASE_URL and the network".into()),
    }
}
