//! Whether Whop takes our key, knows our account and reaches our door, asked without changing anything.
//!
//! For `frontdesk doctor`. The invariant: nothing of an answer is told but its status, and no key is.

use crate::{
    Config,
    whop::{self, wire::DOOR},
};

/// Asks for a member whom nobody is.
///
/// # Errors
/// What is wrong and what to do, in one line.
pub async fn check_whop(config: &Config) -> Result<String, String> {
    let client =
        whop::Client::new(&config.whop_base_url, config.whop_api_key.clone(), &config.whop_account_id);
    match client.probe().await {
        Ok(()) => Ok(if client.is_live() {
            "Whop takes the key".into()
        } else {
            "Whop takes the key, which is of its sandbox".into()
        }),
        Err(failure) => Err(match failure.status() {
            Some(401 | 403) => {
                "Whop does not take the key for this account: look at WHOP_API_KEY and WHOP_ACCOUNT_ID".into()
            }
            Some(429) => "Whop takes no calls at the moment: try again in a minute".into(),
            Some(status) => format!("Whop answered {status}: look at WHOP_ACCOUNT_ID and WHOP_BASE_URL"),
            None => "Whop cannot be reached: look at WHOP_BASE_URL and the network".into(),
        }),
    }
}

/// Whether Whop's webhook of ours is switched on and gets through.
///
/// # Errors
/// What is wrong and what to do, in one line.
pub async fn check_webhook(config: &Config) -> Result<String, String> {
    let client =
        whop::Client::new(&config.whop_base_url, config.whop_api_key.clone(), &config.whop_account_id);
    let webhooks = match client.webhooks().await {
        Ok(webhooks) => webhooks,
        Err(failure) => {
            return Err(match failure.status() {
                Some(401 | 403) => "Whop does not show its webhooks to this key: let it read them".into(),
                Some(status) => {
                    format!("Whop's webhooks cannot be listed, it answered {status}: try again later")
                }
                None => "Whop's webhooks cannot be listed: look at the network".into(),
            });
        }
    };
    let ours: Vec<_> = webhooks.iter().filter(|webhook| webhook.is_ours()).collect();
    if ours.is_empty() {
        return Err(format!(
            "Whop has no webhook to …{DOOR}: add one, or everything comes late, by reconciliation"
        ));
    }
    match ours.iter().find_map(|webhook| trouble(webhook)) {
        Some(trouble) => Err(trouble),
        None => Ok("it is on, and gets through".into()),
    }
}

fn trouble(webhook: &whop::wire::Webhook) -> Option<String> {
    if !webhook.enabled {
        return Some(
            "Whop has switched it off: see to it that it is answered, then switch it on at Whop".into(),
        );
    }
    let since = webhook.failing_since?;
    Some(format!(
        "nothing gets through since {since}: look at WHOP_WEBHOOK_SECRETS, and whether Whop reaches the gateway"
    ))
}
