//! One stream, as a browser hears it.
//!
//! The invariant: a stream counts as heard when it had every delta and came to its proper end.

use std::{
    sync::atomic::{AtomicU64, AtomicUsize, Ordering},
    time::{Duration, Instant},
};

use anyhow::{Context as _, bail, ensure};
use reqwest::{Client, RequestBuilder, StatusCode};
use serde_json::{Value, json};

use crate::{mark, upstream::Upstream};

/// Whom streams are asked of.
#[derive(Clone, Debug)]
pub(crate) struct Target {
    url: String,
    /// Of every stream its own, or one of all.
    bearers: Vec<String>,
    body: Value,
    dialect: Dialect,
}

/// How events are told apart: what is in a delta, in the last event, and in an error.
#[derive(Clone, Copy, Debug)]
struct Dialect {
    delta: &'static str,
    last: &'static str,
    error: &'static str,
}

/// What all streams of a run have come to.
#[derive(Debug, Default)]
pub(crate) struct Progress {
    /// Events that were heard.
    pub(crate) events: AtomicU64,
    /// Streams that have had their first delta.
    pub(crate) talking: AtomicUsize,
    /// Streams that have ended, well or not.
    pub(crate) ended: AtomicUsize,
}

/// What one stream was like.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Heard {
    /// From the POST to the first event.
    pub(crate) first_event: Duration,
    /// From the upstream's first delta to ours.
    pub(crate) first_delta: Duration,
}

// === impl Target ===

impl Target {
    /// A server of the chat protocol.
    pub(crate) fn chat(url: String, bearers: Vec<String>) -> Self {
        let message = json!({
            "content": [{"type": "input_text", "text": "Tell me a long story about a lighthouse."}],
            "attachments": [],
            "inference_options": {},
        });
        let dialect = Dialect {
            delta: "\"assistant_message.content_part.text_delta\"",
            last: "\"type\":\"thread.item.done\"",
            error: "\"type\":\"error\"",
        };
        let body = json!({"type": "threads.create", "metadata": {}, "params": {"input": message}});
        Self { url, bearers, body, dialect }
    }

    /// The upstream itself.
    pub(crate) fn upstream(upstream: &Upstream) -> Self {
        let dialect = Dialect {
            delta: "\"response.output_text.delta\"",
            last: "\"response.completed\"",
            error: "\"response.failed\"",
        };
        let body =
            json!({"model": "gpt-5-mini", "input": "Tell me a story.", "stream": true, "store": false});
        let url = format!("{}/responses", upstream.openai());
        Self { url, bearers: vec![sandbox::API_KEY.to_owned()], body, dialect }
    }

    fn request(&self, http: &Client, stream: usize) -> RequestBuilder {
        let bearer = &self.bearers[stream % self.bearers.len()];
        http.post(&self.url).bearer_auth(bearer).header("accept", "text/event-stream").json(&self.body)
    }

    /// Opens a stream and hears it to its end.
    pub(crate) async fn hear(
        &self,
        http: &Client,
        stream: usize,
        deltas: usize,
        upstream: &Upstream,
        progress: &Progress,
    ) -> anyhow::Result<Heard> {
        let request = self.request(http, stream);
        let begin = Instant::now();
        let mut response = request.send().await.context("it was not opened")?;
        if response.status() != StatusCode::OK {
            let status = response.status();
            bail!("answered {status}: {}", response.text().await.unwrap_or_default());
        }
        let mut ear =
            Ear { dialect: self.dialect, waiting: Vec::new(), deltas: 0, marked: None, ended: false };
        let mut first_event = None;
        while let Some(chunk) = response.chunk().await.context("it broke")? {
            let events = ear.take(&chunk, progress)?;
            if events > 0 {
                first_event.get_or_insert_with(|| begin.elapsed());
            }
        }
        ensure!(ear.deltas == deltas && ear.ended, "it ended after {} of {deltas} deltas", ear.deltas);
        let (mark, at) = ear.marked.context("its first delta is not the upstream's")?;
        let said = upstream.marks.when(mark).context("its mark is not the upstream's")?;
        let first_event = first_event.context("it had no event")?;
        Ok(Heard { first_event, first_delta: at.saturating_duration_since(said) })
    }
}

/// Takes a stream apart.
struct Ear {
    dialect: Dialect,
    waiting: Vec<u8>,
    deltas: usize,
    marked: Option<(u32, Instant)>,
    ended: bool,
}

// === impl Ear ===

impl Ear {
    /// Takes in what came; how many events that made whole.
    fn take(&mut self, chunk: &[u8], progress: &Progress) -> anyhow::Result<u64> {
        self.waiting.extend_from_slice(chunk);
        let waiting = std::mem::take(&mut self.waiting);
        let (mut rest, mut events) = (waiting.as_slice(), 0);
        while let Some(end) = rest.windows(2).position(|window| window == b"\n\n") {
            self.event(&rest[..end], progress)?;
            rest = &rest[end + 2..];
            events += 1;
        }
        self.waiting = rest.to_vec();
        progress.events.fetch_add(events, Ordering::Relaxed);
        Ok(events)
    }

    fn event(&mut self, event: &[u8], progress: &Progress) -> anyhow::Result<()> {
        let text = std::str::from_utf8(event).context("it is not UTF-8")?;
        if text.contains(self.dialect.delta) {
            self.deltas += 1;
            if self.deltas == 1 {
                self.marked = mark::find(event).map(|mark| (mark, Instant::now()));
                progress.talking.fetch_add(1, Ordering::Relaxed);
            }
        } else if text.contains(self.dialect.error) {
            bail!("it failed: {text}");
        } else if self.deltas > 0 {
            self.ended |= text.contains(self.dialect.last);
        }
        Ok(())
    }
}
