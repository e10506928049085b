//! Whether Slack and the mail server take our notices, asked without telling anybody anything.
//!
//! For `frontdesk doctor`. The invariant: nothing of an answer is told but its status, and no address is.

use std::time::Duration;

use crate::{Config, notices::ways};

/// Asks Slack to take a message without a text, which it refuses if the webhook is right.
///
/// # Errors
/// What is wrong and what to do, in one line.
pub async fn check_slack(config: &Config) -> Result<String, String> {
    let ways = ways(config, Duration::ZERO).map_err(|problem| problem.to_string())?;
    let Some(slack) = ways.slack else { return Ok("not set: nobody is told by Slack".into()) };
    slack.probe().await.map(|()| "Slack knows the webhook".into())
}

/// Greets the mail server, and shows it user and password.
///
/// # Errors
/// What is wrong and what to do, in one line.
pub async fn check_mail(config: &Config) -> Result<String, String> {
    let ways = ways(config, Duration::ZERO).map_err(|problem| problem.to_string())?;
    let Some(email) = ways.email else { return Ok("not set: nobody is told by mail".into()) };
    let told = email.probe().await;
    told.map(|()| "the mail server takes our mail".into())
        .map_err(|why| format!("{why}: look at SMTP_URL, and at SMTP_CA_FILE for an authority of your own"))
}
