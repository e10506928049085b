//! The sender of the stand-ins' webhooks, over real HTTP, and the knobs for what befalls them on the way.
//!
//! It exists so that a receiver meets what the providers really do: signed bodies, at least once (Stripe) or at most
//! once (Cal.com), sometimes twice, late, or never; Whop keeps each attempt and sends it again when it is asked to. The invariant: the first attempts of one provider are made in the
//! order in which their messages were made, and whatever was made is in the log.

mod line;
mod replay;
mod signature;

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use bytes::Bytes;
use jiff::Timestamp;
use serde::Serialize;

use self::line::{Job, Line, Way};
pub(crate) use self::replay::{Replays, is_fine};
use crate::{Provider, Sandbox, random};

/// How long an answer may take. Stripe's is not published; ten seconds are what its dashboard reports as timed out.
const PATIENCE: Duration = Duration::from_secs(10);
/// Stripe tries again three times within hours in test mode (its documentation of webhooks); here hours are seconds.
const STRIPE_RETRIES: [Duration; 3] =
    [Duration::from_secs(1), Duration::from_secs(5), Duration::from_secs(25)];

/// Whop tries again up to three times, after so long each (docs.whop.com/developer/guides/webhooks).
const WHOP_RETRIES: [Duration; 3] =
    [Duration::from_secs(10), Duration::from_secs(20), Duration::from_secs(40)];

/// What a provider has to say.
#[derive(Clone, Debug)]
pub(crate) struct Message {
    /// Its id in the provider's words, or whatever tells it from others.
    pub(crate) id: String,
    /// Its type in the provider's words, e.g. `invoice.paid`.
    pub(crate) kind: String,
    /// The very bytes.
    pub(crate) body: Bytes,
    /// The attempt that this sends again.
    pub(crate) replayed_from: Option<String>,
}

/// An attempt: how it ended, how long it took, and what was answered.
struct Attempt {
    outcome: Outcome,
    took: Duration,
    answer: Bytes,
}

/// How a message, or one attempt to bring it, ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "end", content = "status", rename_all = "snake_case")]
pub enum Outcome {
    /// The receiver answered this status.
    Answered(u16),
    /// There was no answer.
    Unanswered,
    /// It was lost on purpose.
    Lost,
    /// It is held back.
    Held,
    /// Nobody is there to be told.
    NoEndpoint,
}

/// A line in the log of what was sent.
#[derive(Clone, Debug, Serialize)]
pub struct Delivery {
    /// Who sent it.
    pub provider: Provider,
    /// The message's id.
    pub id: String,
    /// The message's type.
    pub kind: String,
    /// Which attempt, from 1; 0 where none was made.
    pub attempt: usize,
    /// How it ended.
    pub outcome: Outcome,
    /// The id of this line, `whdel_…` in Whop's words.
    #[serde(skip)]
    pub delivery: String,
    /// The attempt that this sent again, if Whop was asked to.
    #[serde(skip)]
    pub replayed_from: Option<String>,
    /// When.
    #[serde(skip)]
    pub at: Timestamp,
    /// How long it took.
    #[serde(skip)]
    pub took: Duration,
    /// What the receiver answered; kept of Whop's alone.
    #[serde(skip)]
    pub answer: Bytes,
    /// The body, as it was signed.
    #[serde(skip)]
    pub body: Bytes,
}

/// The lines of all providers.
#[derive(Default)]
pub(crate) struct Sender(Mutex<HashMap<Provider, Line>>);

/// The webhooks of one provider.
#[derive(Clone, Copy)]
pub struct Webhooks<'a> {
    sandbox: &'a Sandbox,
    provider: Provider,
}

// === impl Message ===

impl Message {
    /// Something new to say.
    pub(crate) fn new(id: String, kind: String, body: Bytes) -> Self {
        Self { id, kind, body, replayed_from: None }
    }
}

// === impl Attempt ===

impl Attempt {
    /// One that never set out.
    fn of(outcome: Outcome) -> Self {
        Self { outcome, took: Duration::ZERO, answer: Bytes::new() }
    }
}

// === impl Sender ===

impl Sender {
    fn with<T>(&self, provider: Provider, act: impl FnOnce(&mut Line) -> T) -> T {
        let mut lines: MutexGuard<'_, _> = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        act(lines.entry(provider).or_insert_with(|| Line::of(provider)))
    }
}

// === impl Webhooks ===

impl Sandbox {
    /// The webhooks of this provider: what is sent, and what befalls it.
    pub fn webhooks(&self, provider: Provider) -> Webhooks<'_> {
        Webhooks { sandbox: self, provider }
    }

    /// Where this provider's webhooks go, and with which secret they are signed.
    pub fn set_webhook(&self, provider: Provider, url: &str, secret: &str) {
        self.0.webhooks.with(provider, |line| line.endpoint = Some((url.to_owned(), secret.to_owned())));
    }

    /// The provider has something to say. Needs a runtime around it; without one it is sent with the next message.
    pub(crate) fn announce(&self, provider: Provider, message: Message) {
        self.0.webhooks.with(provider, |line| line.take(message));
        self.set_out(provider);
    }

    /// Has the line worked off, unless somebody does so already.
    fn set_out(&self, provider: Provider) {
        let Ok(runtime) = tokio::runtime::Handle::try_current() else { return };
        if self.0.webhooks.with(provider, Line::begin) {
            runtime.spawn(self.clone().work_off(provider));
        }
    }

    async fn work_off(self, provider: Provider) {
        while let Some(job) = self.0.webhooks.with(provider, Line::next) {
            if let Some(pause) = self.attempt(provider, &job, 1).await {
                // Beside the line, so that it holds up no other message.
                tokio::spawn(self.clone().insist(provider, job, pause));
            }
        }
    }

    async fn insist(self, provider: Provider, job: Job, mut pause: Duration) {
        for number in 2.. {
            tokio::time::sleep(pause).await;
            match self.attempt(provider, &job, number).await {
                Some(next) => pause = next,
                None => break,
            }
        }
    }

    /// One attempt; when to make the next one, if one is to be made.
    async fn attempt(&self, provider: Provider, job: &Job, number: usize) -> Option<Duration> {
        let attempt = match &job.endpoint {
            None => Attempt::of(Outcome::NoEndpoint),
            Some((url, secret)) => send(provider, url, secret, &job.message).await,
        };
        let fine = matches!(attempt.outcome, Outcome::Answered(200..=299) | Outcome::NoEndpoint);
        self.0.webhooks.with(provider, |line| {
            line.note(&job.message, number, attempt);
            let pause = line.retries.get(number - 1).copied().filter(|_| !fine);
            line.under_way -= usize::from(pause.is_none());
            pause
        })
    }
}

impl Webhooks<'_> {
    fn with<T>(self, act: impl FnOnce(&mut Line) -> T) -> T {
        self.sandbox.0.webhooks.with(self.provider, act)
    }

    /// Every message goes out, once: as at first.
    pub fn deliver(self) {
        self.with(|line| line.way = Way::Deliver);
    }

    /// The next messages are lost, so many of them; `usize::MAX` loses all.
    pub fn lose(self, count: usize) {
        self.with(|line| line.way = Way::Lose(count));
    }

    /// Every message goes out twice.
    pub fn duplicate(self) {
        self.with(|line| line.way = Way::Duplicate);
    }

    /// Messages are held back until they are released.
    pub fn hold(self) {
        self.with(|line| line.way = Way::Hold);
    }

    /// The pauses before the second, third, … attempt at a message that was not answered 2xx.
    pub fn set_retries(self, pauses: Vec<Duration>) {
        self.with(|line| line.retries = pauses);
    }

    /// What is held back, oldest first: id and type.
    pub fn held(self) -> Vec<(String, String)> {
        self.with(|line| line.held.iter().map(|held| (held.id.clone(), held.kind.clone())).collect())
    }

    /// Sends what is held back at this place; false if there is none.
    pub fn release(self, index: usize) -> bool {
        let released = self.with(|line| line.release(index));
        self.sandbox.set_out(self.provider);
        released
    }

    /// Sends all that is held back, oldest first, and how many that were. What comes later is still held.
    pub fn release_all(self) -> usize {
        let count = self.with(|line| (0..).take_while(|_| line.release(0)).count());
        self.sandbox.set_out(self.provider);
        count
    }

    /// Sends a message of the log once more, whatever befell it; false if there is no such message.
    pub fn resend(self, id: &str) -> bool {
        let found = self.with(|line| line.resend(id));
        self.sandbox.set_out(self.provider);
        found
    }

    /// Sends every message of the log that was lost, oldest first, and how many those were.
    pub fn resend_lost(self) -> usize {
        let count = self.with(Line::resend_lost);
        self.sandbox.set_out(self.provider);
        count
    }

    /// What was sent, lost or held, oldest first. Old entries are dropped when there are many.
    pub fn log(self) -> Vec<Delivery> {
        self.with(|line| line.log.iter().cloned().collect())
    }

    /// Where they go.
    pub fn url(self) -> Option<String> {
        self.with(|line| line.endpoint.as_ref().map(|(url, _)| url.clone()))
    }

    /// How messages go at the moment, in a word.
    pub fn way(self) -> &'static str {
        self.with(|line| match line.way {
            Way::Deliver => "deliver",
            Way::Lose(_) => "lose",
            Way::Duplicate => "duplicate",
            Way::Hold => "hold",
        })
    }

    /// How many messages are on their way, those included that will be tried again.
    pub fn under_way(self) -> usize {
        self.with(|line| line.under_way)
    }
}

/// The body of an answer that was read, or nothing.
async fn read(provider: Provider, response: reqwest::Response) -> Bytes {
    match provider {
        Provider::Whop => response.bytes().await.unwrap_or_default(),
        _ => Bytes::new(),
    }
}

async fn send(provider: Provider, url: &str, secret: &str, message: &Message) -> Attempt {
    let began = Instant::now();
    // Never through a proxy, never elsewhere: neither provider follows a redirect.
    let client = reqwest::Client::builder()
        .no_proxy()
        .redirect(reqwest::redirect::Policy::none())
        .timeout(PATIENCE)
        .build()
        .expect("nothing in these settings can be wrong");
    let mut request = client.post(url).body(message.body.clone());
    for (name, value) in message.headers(provider, secret, Timestamp::now()) {
        request = request.header(name, value);
    }
    let (outcome, answer) = match request.send().await {
        Ok(response) => (Outcome::Answered(response.status().as_u16()), read(provider, response).await),
        Err(_) => (Outcome::Unanswered, Bytes::new()),
    };
    Attempt { outcome, took: began.elapsed(), answer }
}
