//! Answers that a test prescribes: what the model says next, word for word, whatever it was asked.
//!
//! The invariant: an answer is played once, in the order of the queue, and only for a request that the schema accepts.

use std::{
    collections::VecDeque,
    sync::{Mutex, MutexGuard, PoisonError},
};

use serde_json::Value;

/// One thing that the model puts out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Output {
    /// A message; each chunk is one delta of the stream.
    Text(Vec<String>),
    /// A message that refuses to answer.
    Refusal(String),
    /// A function call, offered or not.
    Call {
        /// The function.
        name: String,
        /// Usually JSON; a model may get it wrong.
        arguments: String,
    },
}

/// The next answer of the model.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Scripted {
    /// A response that completes with this output.
    Answer(Vec<Output>),
    /// A response that fails after this output, as `response.failed` does.
    Failed {
        /// What was put out before.
        outputs: Vec<Output>,
        /// One of OpenAI's `ResponseErrorCode`s, e.g. `server_error`.
        code: String,
        /// What OpenAI says about it.
        message: String,
    },
    /// No response: this HTTP status in OpenAI's error shape.
    Refused(u16),
}

/// The answers to come.
#[derive(Default)]
pub(crate) struct Script(Mutex<VecDeque<Scripted>>);

// === impl Output ===

impl Output {
    /// A message that streams word by word.
    pub fn words(text: &str) -> Self {
        Self::Text(text.split_inclusive(char::is_whitespace).map(str::to_owned).collect())
    }

    /// A function call with these arguments.
    pub fn call(name: &str, arguments: &Value) -> Self {
        Self::Call { name: name.to_owned(), arguments: arguments.to_string() }
    }
}

// === impl Scripted ===

impl Scripted {
    /// A message that streams word by word.
    pub fn words(text: &str) -> Self {
        Self::Answer(vec![Output::words(text)])
    }

    /// Function calls, all in one answer.
    pub fn calls(calls: &[(&str, Value)]) -> Self {
        Self::Answer(calls.iter().map(|(name, arguments)| Output::call(name, arguments)).collect())
    }
}

// === impl Script ===

impl Script {
    fn lock(&self) -> MutexGuard<'_, VecDeque<Scripted>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn extend(&self, answers: Vec<Scripted>) {
        self.lock().extend(answers);
    }

    pub(crate) fn next(&self) -> Option<Scripted> {
        self.lock().pop_front()
    }

    pub(crate) fn unplayed(&self) -> usize {
        self.lock().len()
    }
}
