//! OpenAI's Responses API, streaming: `POST /responses`.
//!
//! One call here is one attempt. The invariant: what comes out of a [`Stream`] is what the API describes; anything else
//! is a [`Failure`], and nothing of an answer but words of a known shape gets into its text.

pub(crate) mod event;
pub(crate) mod failure;
pub(crate) mod request;
pub(crate) mod sse;

use std::{collections::VecDeque, time::Duration};

use chassis::{http::RequestExt as _, telemetry};
use reqwest::{StatusCode, header};
use secrecy::{ExposeSecret as _, SecretString};
use serde::Serialize;
use url::Url;

pub(crate) use event::Event;
pub(crate) use failure::Failure;

/// Longest answer of a failure, and of a moderation, that is read.
const LONGEST_ANSWER: usize = 64 * 1024;

/// OpenAI's API, with our key.
#[derive(Clone, Debug)]
pub(crate) struct Client {
    http: reqwest::Client,
    base: String,
    key: SecretString,
}

/// What the model answers, as it comes.
pub(crate) struct Stream {
    response: reqwest::Response,
    parser: sse::Parser,
    ready: VecDeque<String>,
}

// === impl Client ===

impl Client {
    /// A client for the API at `base`.
    pub(crate) fn new(base: &Url, key: SecretString) -> Self {
        Self { http: chassis::http::client(), base: base.as_str().trim_end_matches('/').to_owned(), key }
    }

    /// Asks the model. `whole` is the longest that the whole answer may take.
    pub(crate) async fn respond(
        &self,
        request: &request::Request<'_>,
        whole: Duration,
    ) -> Result<Stream, Failure> {
        let mut response = self.post("responses", request, whole).await?;
        if !response.status().is_success() {
            return Err(Failure::of_answer(&mut response).await);
        }
        let kind = response.headers().get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
        if !kind.is_some_and(|kind| kind.trim_start().starts_with("text/event-stream")) {
            return Err(Failure::Malformed("it is no stream of events"));
        }
        Ok(Stream { response, parser: sse::Parser::default(), ready: VecDeque::new() })
    }

    /// A call that answers one JSON document, at most 64 kB of it.
    pub(crate) async fn ask(
        &self,
        path: &str,
        body: &impl Serialize,
        whole: Duration,
    ) -> Result<Vec<u8>, Failure> {
        let mut response = self.post(path, body, whole).await?;
        if response.status() != StatusCode::OK {
            return Err(Failure::of_answer(&mut response).await);
        }
        read(&mut response).await
    }

    async fn post(
        &self,
        path: &str,
        body: &impl Serialize,
        whole: Duration,
    ) -> Result<reqwest::Response, Failure> {
        let request = self.http.post(format!("{}/{path}", self.base)).bearer_auth(self.key.expose_secret());
        let sent = telemetry::send(request.json(body).outbound(whole)).await;
        sent.map_err(|error| Failure::of_transport(&error))
    }
}

async fn read(response: &mut reqwest::Response) -> Result<Vec<u8>, Failure> {
    let body = chassis::http::read_within(response, LONGEST_ANSWER).await;
    body.map_err(|error| Failure::of_transport(&error))?.ok_or(Failure::Malformed("it is longer than 64 kB"))
}

// === impl Stream ===

impl Stream {
    /// The next event; `None` when the answer has ended.
    pub(crate) async fn next(&mut self) -> Result<Option<Event>, Failure> {
        loop {
            if let Some(data) = self.ready.pop_front() {
                if data == "[DONE]" {
                    continue;
                }
                return serde_json::from_str(&data)
                    .map(Some)
                    .map_err(|_| Failure::Malformed("an event is not what the API describes"));
            }
            let chunk = self.response.chunk().await.map_err(|error| Failure::of_transport(&error))?;
            let Some(chunk) = chunk else { return Ok(None) };
            self.ready.extend(self.parser.push(&chunk)?);
        }
    }
}
