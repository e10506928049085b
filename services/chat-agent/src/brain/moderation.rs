//! Whether a visitor's message may go to the model: `POST /moderations`.
//!
//! The invariant: only a clear yes of the classifier stops a message; its silence is logged and lets it pass, for the
//! model's own rules still hold.

use std::time::Duration;

use serde::Deserialize;
use serde_json::json;

use super::responses::{Client, Failure};

const MODEL: &str = "omni-moderation-latest";
const PATIENCE: Duration = Duration::from_secs(3);

#[derive(Deserialize)]
struct Answer {
    results: Vec<Verdict>,
}

#[derive(Deserialize)]
struct Verdict {
    flagged: bool,
}

/// Whether the classifier flags the text.
pub(crate) async fn is_flagged(client: &Client, thread: &str, text: &str) -> bool {
    if text.trim().is_empty() {
        return false;
    }
    match ask(client, text).await {
        Ok(flagged) => flagged,
        Err(failure) => {
            tracing::warn!(thread.id = thread, error = %failure, "a message was not moderated");
            false
        }
    }
}

async fn ask(client: &Client, text: &str) -> Result<bool, Failure> {
    let answer = client.ask("moderations", &json!({"model": MODEL, "input": text}), PATIENCE).await?;
    let answer: Answer =
        serde_json::from_slice(&answer).map_err(|_| Failure::Malformed("it lacks results with flagged"))?;
    if answer.results.is_empty() {
        return Err(Failure::Malformed("it has no results"));
    }
    Ok(answer.results.iter().any(|verdict| verdict.flagged))
}
