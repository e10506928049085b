//! Whop's API v1, as far as members need it, at one dated version.
//!
//! Paths, parameters and fields are those of the package `whop_sdk` 2.6.0, which is made from Whop's own description at
//! [`VERSION`]. Without the header the shape of an answer depends on the age of the key, so every call names it. The
//! invariant: an id goes into an address only after it was checked, whatever writes carries an `Idempotency-Key`, and what
//! belongs to another account is not there.

pub(crate) mod hint;
pub(crate) mod money;
mod reads;
pub(crate) mod signature;
#[cfg(test)]
mod tests;
pub(crate) mod wire;
mod writes;

use jiff::Timestamp;
use reqwest::{Method, RequestBuilder};
use secrecy::{ExposeSecret as _, SecretString};
use serde::de::DeserializeOwned;
use url::Url;

use providers::api::{Api, Failure};

pub(crate) use writes::Request;

/// Its name in errors, the inbox and the books.
pub(crate) const NAME: &str = "whop";
/// The version of the API that requests ask for and answers are read by.
pub(crate) const VERSION: &str = "2026-10-15-1";
/// Where an error says what it is; `code` is optional, `type` is not.
const CODE_AT: &str = "/error/type";
/// Whop's own place for what is only invented.
const SANDBOX_HOST: &str = "sandbox-api.whop.com";

/// A way to Whop, with our key.
#[derive(Clone, Debug)]
pub(crate) struct Client {
    http: reqwest::Client,
    base: Url,
    key: SecretString,
    account: String,
    api: Api,
}

/// Which part of a list is asked for, by when things were made: the oldest first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Part {
    /// Made after this.
    pub(crate) created_after: Option<Timestamp>,
    /// Behind this cursor.
    pub(crate) after: Option<String>,
}

/// One page of a list.
#[derive(Clone, Debug)]
pub(crate) struct Page<T> {
    /// What is listed.
    pub(crate) data: Vec<T>,
    /// The cursor of what is behind it; `None` on the last page.
    pub(crate) next: Option<String>,
}

// === impl Client ===

impl Client {
    /// Whop at `base`, for the members of `account`.
    pub(crate) fn new(base: &Url, key: SecretString, account: &str) -> Self {
        Self {
            http: chassis::http::client(),
            base: base.clone(),
            key,
            account: account.to_owned(),
            api: Api::new(NAME, CODE_AT),
        }
    }

    /// Whether what it says is real: a stand-in may claim anything, and Whop's own sandbox is one.
    pub(crate) fn is_live(&self) -> bool {
        is_live(&self.base)
    }

    /// The account whose members these are, `biz_…`.
    pub(crate) fn account(&self) -> &str {
        &self.account
    }

    /// An answer that is not what it should be.
    pub(crate) fn odd(&self, why: &'static str) -> Failure {
        self.api.malformed(why)
    }

    /// No answer within what somebody could wait.
    pub(crate) fn silent(&self) -> Failure {
        Failure::Unavailable { provider: NAME, why: "no answer in time".to_owned(), hint: None }
    }

    fn call(&self, method: Method, path: &[&str]) -> RequestBuilder {
        let mut url = self.base.clone();
        url.path_segments_mut().expect("an http address has a path").pop_if_empty().extend(path);
        let call = self.http.request(method, url).bearer_auth(self.key.expose_secret());
        call.header("Api-Version-Date", VERSION)
    }

    /// A thing; `None` if there is none.
    async fn find<T: DeserializeOwned>(&self, path: &[&str]) -> Result<Option<T>, Failure> {
        match self.api.ask(self.call(Method::GET, path)).await {
            Ok(found) => Ok(Some(found)),
            Err(failure) if failure.is_not_found() => Ok(None),
            Err(failure) => Err(failure),
        }
    }

    fn checked<'a>(&self, id: &'a str) -> Result<&'a str, Failure> {
        if is_id(id) { Ok(id) } else { Err(self.api.malformed("an id is none")) }
    }
}

/// Whether what Whop at `base` says is real.
pub(crate) fn is_live(base: &Url) -> bool {
    base.scheme() == "https" && base.host_str() != Some(SANDBOX_HOST)
}

/// Whether `text` may stand in a path: two dots would lead out of it.
fn is_id(text: &str) -> bool {
    domain::id::check(text).is_ok() && !text.starts_with('.')
}
