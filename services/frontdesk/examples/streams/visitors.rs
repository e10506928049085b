//! The visitors of the streams.
//!
//! The invariant: every stream has a visitor and a session of its own.

use anyhow::Context as _;
use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::stream::Target;

/// Sessions that are asked for at once.
const AT_ONCE: usize = 16;

/// The chat behind this gateway, with a visitor and a session for every stream.
pub(crate) async fn target(url: &str, visitors: usize) -> anyhow::Result<Target> {
    let http = chassis::http::client();
    let (mut asked, mut secrets) = (JoinSet::new(), Vec::new());
    for visitor in 0..visitors {
        if asked.len() == AT_ONCE {
            secrets.extend(asked.join_next().await);
        }
        asked.spawn(session(http.clone(), url.to_owned(), visitor));
    }
    secrets.extend(asked.join_all().await.into_iter().map(Ok));
    let secrets = secrets.into_iter().map(|asked| asked?).collect::<anyhow::Result<_>>()?;
    Ok(Target::chat(format!("{url}/chatkit"), secrets))
}

/// A new visitor's client secret.
async fn session(http: reqwest::Client, url: String, visitor: usize) -> anyhow::Result<String> {
    let device = format!("{visitor:08x}-0000-4000-8000-{visitor:012x}");
    let request = http.post(format!("{url}/api/chatkit/session"));
    let request = request.json(&json!({"deviceId": device, "modes": ["self_hosted"]}));
    let answer: Value = request.send().await?.error_for_status()?.json().await?;
    let secret = answer["client_secret"].as_str().context("a session without a client secret")?;
    Ok(secret.to_owned())
}
