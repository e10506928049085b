//! OpenAI's ChatKit sessions: `POST /chatkit/sessions` and `POST /chatkit/sessions/{id}/cancel`; and what is left of
//! them, the threads: `GET /chatkit/threads` and `DELETE /chatkit/threads/{id}`.
//!
//! The request holds exactly what the schema `CreateChatSessionBody` knows, for the API refuses unknown fields; of
//! the answer only what is needed is read. The invariant: an answered secret never counts as longer lived than
//! [`LIFETIME`] from the moment it was asked for.

use std::{collections::BTreeMap, time::Duration};

use chassis::{
    http::RequestExt as _,
    retry::{Policy, Verdict, retry},
    telemetry,
};
use jiff::{SignedDuration, Timestamp};
use reqwest::{RequestBuilder, StatusCode};
use secrecy::{ExposeSecret as _, SecretString};
use serde::{Deserialize, Serialize};
use url::Url;

use crate::failure::Failure;

/// Longest life of a client secret: the maximum of `expires_after.seconds`.
pub(crate) const LIFETIME: SignedDuration = SignedDuration::from_secs(600);
/// Longest answer that is read: it repeats the state variables, 64 of 512 characters, of up to 12 bytes each in JSON.
const LONGEST_ANSWER: usize = 512 * 1024;
/// Threads of a page, the most that there may be.
const PAGE: &str = "100";
/// One retry, soon: a visitor waits.
const RETRY: Policy =
    Policy { attempts: 2, base: Duration::from_millis(100), cap: Duration::from_millis(1_000) };

/// A session to make.
#[derive(Clone, Copy)]
pub(crate) struct Order<'a> {
    /// Whose history the chat shows.
    pub(crate) user: &'a str,
    /// The workflow, `wf_…`.
    pub(crate) workflow: &'a str,
    /// Its version; the latest deployed one if absent.
    pub(crate) version: Option<&'a str>,
    /// What the workflow may know of the visit.
    pub(crate) state: &'a BTreeMap<String, String>,
}

/// A session that was made.
pub(crate) struct Made {
    /// `cksess_…`, or derived from the secret when the answer names none.
    pub(crate) id: String,
    /// The client secret.
    pub(crate) secret: SecretString,
    /// When it ends.
    pub(crate) expires_at: Timestamp,
}

/// OpenAI's API, with our key.
#[derive(Clone, Debug)]
pub(crate) struct Client {
    http: reqwest::Client,
    sessions: String,
    threads: String,
    key: SecretString,
    attempt: Duration,
}

#[derive(Serialize)]
struct Body<'a> {
    user: &'a str,
    workflow: Workflow<'a>,
    expires_after: ExpiresAfter,
}

#[derive(Serialize)]
struct Workflow<'a> {
    id: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    version: Option<&'a str>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    state_variables: &'a BTreeMap<String, String>,
}

#[derive(Serialize)]
struct ExpiresAfter {
    anchor: &'static str,
    seconds: i64,
}

#[derive(Deserialize)]
struct Threads {
    data: Vec<Thread>,
}

#[derive(Deserialize)]
struct Thread {
    id: String,
}

#[derive(Deserialize)]
struct Deleted {
    deleted: bool,
}

#[derive(Deserialize)]
struct Answer {
    id: Option<String>,
    client_secret: String,
    expires_at: i64,
}

// === impl Client ===

impl Client {
    /// A client for the API at `base`. `attempt` is the longest wait for one answer.
    pub(crate) fn new(base: &Url, key: SecretString, attempt: Duration) -> Self {
        let base = base.as_str().trim_end_matches('/');
        let (sessions, threads) = (format!("{base}/chatkit/sessions"), format!("{base}/chatkit/threads"));
        Self { http: chassis::http::client(), sessions, threads, key, attempt }
    }

    /// Makes a session.
    pub(crate) async fn create(&self, order: Order<'_>, now: Timestamp) -> Result<Made, Failure> {
        let request = self.http.post(&self.sessions).json(&Body::of(order));
        Made::read(&self.ask(request).await?, now)
    }

    /// Ends a session. One that OpenAI does not know has ended.
    pub(crate) async fn cancel(&self, id: &str) -> Result<(), Failure> {
        let request = self.http.post(format!("{}/{id}/cancel", self.sessions));
        unless_unknown(self.ask(request).await).map(drop)
    }

    /// Ids of the oldest threads of a user, up to a hundred.
    pub(crate) async fn threads(&self, user: &str) -> Result<Vec<String>, Failure> {
        let mut url = Url::parse(&self.threads).expect("it is made of a URL");
        url.query_pairs_mut()
            .append_pair("user", user)
            .append_pair("limit", PAGE)
            .append_pair("order", "asc");
        let answer = self.ask(self.http.get(url)).await?;
        let page: Threads =
            serde_json::from_slice(&answer).map_err(|_| Failure::Malformed("it is no list of threads"))?;
        if !page.data.iter().all(|thread| is_plain(&thread.id)) {
            return Err(Failure::Malformed("a thread's id is no id"));
        }
        Ok(page.data.into_iter().map(|thread| thread.id).collect())
    }

    /// Deletes a thread with all that was said in it. One that OpenAI does not know is gone.
    pub(crate) async fn delete_thread(&self, id: &str) -> Result<(), Failure> {
        let request = self.http.delete(format!("{}/{id}", self.threads));
        let Some(answer) = unless_unknown(self.ask(request).await)? else { return Ok(()) };
        match serde_json::from_slice(&answer) {
            Ok(Deleted { deleted: true }) => Ok(()),
            _ => Err(Failure::Malformed("it does not say that the thread was deleted")),
        }
    }

    async fn ask(&self, request: RequestBuilder) -> Result<Vec<u8>, Failure> {
        let request = request.bearer_auth(self.key.expose_secret()).header("openai-beta", "chatkit_beta=v1");
        // An attempt owns its request: the compiler cannot show that a future which borrows it is `Send`.
        let timeout = self.attempt;
        let again = move || {
            let request =
                request.try_clone().expect("url and key are checked at start, the body is no stream");
            attempt(request.outbound(timeout))
        };
        retry(RETRY, verdict, again).await
    }
}

/// The answer, if there is what was asked for.
fn unless_unknown(answer: Result<Vec<u8>, Failure>) -> Result<Option<Vec<u8>>, Failure> {
    match answer {
        Err(Failure::Refused { status: StatusCode::NOT_FOUND, .. }) => Ok(None),
        answer => answer.map(Some),
    }
}

fn verdict(failure: &Failure) -> Verdict {
    match failure {
        Failure::Unavailable { hint, .. } => Verdict::Again(*hint),
        _ => Verdict::Stop,
    }
}

async fn attempt(request: RequestBuilder) -> Result<Vec<u8>, Failure> {
    let mut response = telemetry::send(request).await.map_err(|error| Failure::of_transport(&error))?;
    let answer = match chassis::http::read_within(&mut response, LONGEST_ANSWER).await {
        Ok(body) => body.ok_or(Failure::Malformed("it is longer than 512 kB")),
        Err(error) => Err(Failure::of_transport(&error)),
    };
    if response.status().is_success() {
        return answer;
    }
    // The status says enough when the body of a failure cannot be read.
    Err(Failure::of_answer(response.status(), response.headers(), &answer.unwrap_or_default()))
}

// === impl Body ===

impl<'a> Body<'a> {
    fn of(order: Order<'a>) -> Self {
        let Order { user, workflow, version, state } = order;
        let workflow = Workflow { id: workflow, version, state_variables: state };
        let expires_after = ExpiresAfter { anchor: "created_at", seconds: LIFETIME.as_secs() };
        Self { user, workflow, expires_after }
    }
}

// === impl Made ===

impl Made {
    fn read(body: &[u8], now: Timestamp) -> Result<Self, Failure> {
        let answer: Answer = serde_json::from_slice(body)
            .map_err(|_| Failure::Malformed("it lacks client_secret or expires_at"))?;
        if answer.client_secret.is_empty() {
            return Err(Failure::Malformed("client_secret is empty"));
        }
        let expires_at = Timestamp::from_second(answer.expires_at).unwrap_or(Timestamp::MIN);
        if expires_at <= now {
            return Err(Failure::Malformed("expires_at has passed; check this machine's clock"));
        }
        let id = answer
            .id
            .filter(|id| is_plain(id))
            .unwrap_or_else(|| format!("derived_{}", domain::id::digest(&[&answer.client_secret])));
        Ok(Self { id, secret: answer.client_secret.into(), expires_at: expires_at.min(now + LIFETIME) })
    }
}

/// Whether an id is safe as a document's id and as a segment of a path.
fn is_plain(id: &str) -> bool {
    domain::id::check(id).is_ok() && id.starts_with(|c: char| c.is_ascii_alphanumeric())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(body: &str) -> Result<Made, Failure> {
        Made::read(body.as_bytes(), Timestamp::from_second(1_000).unwrap())
    }

    #[test]
    fn an_answer_needs_a_secret_and_its_end() {
        let made = read(r#"{"id":"cksess_1","client_secret":"ek_1","expires_at":1300,"object":1}"#)
            .expect("all that is needed");
        assert_eq!((made.id.as_str(), made.expires_at.as_second()), ("cksess_1", 1_300));
        for bad in [
            r#"{"id":"cksess_1","expires_at":1300}"#,
            r#"{"client_secret":"ek_1"}"#,
            r#"{"client_secret":"","expires_at":1300}"#,
            r#"{"client_secret":"ek_1","expires_at":1000}"#,
            r#"{"client_secret":"ek_1","expires_at":9223372036854775807}"#,
            "<html>",
        ] {
            assert!(matches!(read(bad), Err(Failure::Malformed(_))), "{bad}");
        }
    }

    #[test]
    fn no_secret_counts_as_longer_lived_than_was_asked() {
        let made = read(r#"{"id":"cksess_1","client_secret":"ek_1","expires_at":99999}"#).expect("sound");
        assert_eq!(made.expires_at.as_second(), 1_600);
    }

    #[test]
    fn an_answer_without_a_usable_id_gets_one() {
        for id in ["null", r#""../x""#, r#""..""#, r#""""#] {
            let made = read(&format!(r#"{{"id":{id},"client_secret":"ek_1","expires_at":1300}}"#))
                .expect("the id is optional");
            assert!(made.id.starts_with("derived_") && !made.id.contains("ek_1"), "{}", made.id);
        }
    }
}
