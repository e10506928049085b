//! A club in a town, asked as a client asks.

mod life;
mod page;
mod proxy;
mod reads;
mod refusals;
mod support;
mod tokens;
mod webhooks;

use reqwest::{Method, RequestBuilder, StatusCode};
use sandbox::{Provider, WHOP_API_KEY, WHOP_VERSION};
use serde_json::Value;

use crate::harness::{Town, answer};

impl Town {
    /// A request with the account's key, at the dated version.
    fn whop(&self, method: Method, path: &str) -> RequestBuilder {
        self.whop_undated(method, path).header("api-version-date", WHOP_VERSION)
    }

    fn whop_undated(&self, method: Method, path: &str) -> RequestBuilder {
        self.ask(method, &format!("/whop/api/v1/{path}")).bearer_auth(WHOP_API_KEY)
    }

    async fn whop_get(&self, path: &str) -> Value {
        let (status, json) = answer(self.whop(Method::GET, path)).await;
        assert_eq!(status, 200, "{path}: {json}");
        json
    }

    async fn whop_post(&self, path: &str, body: Value) -> (StatusCode, Value) {
        answer(self.whop(Method::POST, path).json(&body)).await
    }

    /// A membership, by hand.
    fn joined(&self, user: &str, plan: &str) -> String {
        id(&self.sandbox.club().join(user, plan).unwrap())
    }

    /// The payments of a membership, newest first.
    async fn payments_of(&self, membership: &str) -> Vec<Value> {
        data(&self.whop_get(&format!("payments?membership_id={membership}")).await)
    }

    /// Waits until no webhook of Whop's is on its way.
    async fn whop_told(&self) {
        let deadline = std::time::Instant::now() + std::time::Duration::from_secs(20);
        while self.sandbox.webhooks(Provider::Whop).under_way() > 0 {
            assert!(std::time::Instant::now() < deadline, "webhooks are still on their way");
            tokio::task::yield_now().await;
        }
    }
}

fn id(object: &Value) -> String {
    object["id"].as_str().unwrap().to_owned()
}

fn data(list: &Value) -> Vec<Value> {
    list["data"].as_array().unwrap().clone()
}

fn ids(list: &Value) -> Vec<String> {
    data(list).iter().map(id).collect()
}
