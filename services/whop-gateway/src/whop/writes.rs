//! What is done at Whop, each under an `Idempotency-Key`, so that it is repeated without being done twice.
//!
//! The invariant: a key follows from who asks, what for and by which request, so two people who name the same request id
//! never get each other's answer.

use reqwest::Method;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};

use providers::api::Failure;

use super::{
    Client,
    wire::{Channel, Checkout, Membership, Message},
};

/// Whose request something is done by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Request<'a> {
    /// The Whop user who asks, `user_…`.
    pub(crate) user: &'a str,
    /// What makes a repetition of the same request recognisable.
    pub(crate) id: &'a str,
}

impl Client {
    /// Makes a link by which a plan is bought. `metadata` is copied to the payment and the membership.
    pub(crate) async fn create_checkout(
        &self,
        plan: &str,
        metadata: &Map<String, Value>,
        redirect_url: Option<&str>,
        request: Request<'_>,
    ) -> Result<Checkout, Failure> {
        let mut body = json!({
            "account_id": self.account(), "mode": "payment", "plan_id": self.checked(plan)?, "metadata": metadata,
        });
        if let Some(url) = redirect_url {
            body["redirect_url"] = json!(url);
        }
        self.write(&["checkout_configurations"], &body, request).await
    }

    /// The one support channel between the account's team and the user, which is opened if there is none.
    pub(crate) async fn support_channel(&self, request: Request<'_>) -> Result<Channel, Failure> {
        let body = json!({ "account_id": self.account(), "user_id": self.checked(request.user)? });
        self.write(&["support_channels"], &body, request).await
    }

    /// Posts a message, in Markdown.
    pub(crate) async fn post_message(
        &self,
        channel: &str,
        content: &str,
        request: Request<'_>,
    ) -> Result<Message, Failure> {
        let body = json!({ "channel_id": self.checked(channel)?, "content": content });
        self.write(&["messages"], &body, request).await
    }

    /// Ends a membership with the period that is paid for.
    pub(crate) async fn cancel_at_period_end(
        &self,
        id: &str,
        reason: Option<&str>,
        request: Request<'_>,
    ) -> Result<Membership, Failure> {
        // Without this field Whop revokes at once.
        let mut body = json!({ "cancel_at_period_end": true });
        if let Some(reason) = reason {
            body["reason"] = json!(reason);
        }
        self.write(&["memberships", self.checked(id)?, "cancel"], &body, request).await
    }

    async fn write<T: DeserializeOwned>(
        &self,
        path: &[&str],
        body: &Value,
        request: Request<'_>,
    ) -> Result<T, Failure> {
        let mut parts = vec![self.account(), request.user, request.id];
        parts.extend(path);
        let call = self.call(Method::POST, path).header("Idempotency-Key", domain::id::digest(&parts));
        self.api.ask(call.json(body)).await
    }
}
