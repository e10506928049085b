//! What the stand-ins were asked.
//!
//! The invariant: it holds no `Authorization` value, and stays within a fixed size.

use std::{
    collections::VecDeque,
    sync::{Mutex, MutexGuard, PoisonError},
};

use bytes::Bytes;
use serde::Serialize;
use serde_json::Value;

use crate::Provider;

const MOST_ENTRIES: usize = 10_000;
const MOST_BYTES: usize = 8 << 20;

/// One request to a provider.
#[derive(Clone, Debug, Serialize)]
pub struct Asked {
    /// Who was asked.
    pub provider: Provider,
    /// HTTP method.
    pub method: String,
    /// Path and query.
    pub path: String,
    /// Status answered; none when the connection was closed without an answer.
    pub status: Option<u16>,
    /// Whether the provider's own code ran (a fault may have answered in its place).
    pub handled: bool,
    /// Whether an `Authorization: Bearer` header was present.
    pub bearer: bool,
    /// The header `OpenAI-Beta`.
    pub openai_beta: Option<String>,
    /// The header `Stripe-Version`, `cal-api-version` or `Api-Version-Date`.
    pub api_version: Option<String>,
    /// The header `Idempotency-Key`.
    pub idempotency_key: Option<String>,
    /// The body: JSON, or the text of a form; null when it was empty or neither, or was dropped because the log grew
    /// too large.
    pub body: Value,
}

/// An entry whose body is parsed only when somebody looks.
pub(crate) struct Entry {
    pub(crate) asked: Asked,
    pub(crate) body: Bytes,
}

#[derive(Default)]
struct Entries {
    kept: VecDeque<Entry>,
    bytes: usize,
}

/// The newest requests.
#[derive(Default)]
pub(crate) struct Log(Mutex<Entries>);

impl Log {
    fn lock(&self) -> MutexGuard<'_, Entries> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn add(&self, entry: Entry) {
        let mut entries = self.lock();
        entries.bytes += entry.body.len();
        entries.kept.push_back(entry);
        if entries.kept.len() > MOST_ENTRIES
            && let Some(old) = entries.kept.pop_front()
        {
            entries.bytes -= old.body.len();
        }
        let Entries { kept, bytes } = &mut *entries;
        for old in kept {
            if *bytes <= MOST_BYTES {
                break;
            }
            *bytes -= std::mem::take(&mut old.body).len();
        }
    }

    pub(crate) fn entries(&self) -> Vec<Asked> {
        let parse = |entry: &Entry| Asked { body: read(entry), ..entry.asked.clone() };
        self.lock().kept.iter().map(parse).collect()
    }
}

fn read(entry: &Entry) -> Value {
    match entry.asked.provider {
        Provider::Stripe if entry.body.is_empty() => Value::Null,
        Provider::Stripe => String::from_utf8_lossy(&entry.body).into(),
        _ => serde_json::from_slice(&entry.body).unwrap_or_default(),
    }
}
