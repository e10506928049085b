//! What an agent wants, and how it asks for it until it knows that it has it.
//!
//! It does what agents do: a call without an answer, and one that says that nobody knows, are made again. The invariant: a wish is fulfilled by one effect, and every answer names that one.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::SocketAddr,
    sync::Mutex,
    time::{Duration, Instant},
};

use fastrand::Rng;
use sandbox::{Fault, FaultKind, Provider};
use serde_json::{Value, json};

use super::{
    desk::Desk,
    line::{Break, lock, once},
};

/// How long a wish may take, whatever befalls it.
const PATIENCE: Duration = Duration::from_secs(300);
/// How long an agent waits for one answer.
const WAIT: Duration = Duration::from_secs(40);
/// So many calls of a wish may break on the agent's own line; then it is let through.
const UNLUCKY: usize = 5;

/// By what an agent's calls of one wish are known as one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Known {
    /// All have one JSON-RPC id.
    Id,
    /// Every call has an id of its own, as in a program that counts on.
    Wish,
    /// Every call has an id of its own, and all have one key.
    Key,
}

/// What is wanted.
#[derive(Clone, Debug)]
pub(super) struct Wish {
    pub(super) seed: u64,
    pub(super) workflow: &'static str,
    pub(super) session: Option<String>,
    pub(super) tool: &'static str,
    pub(super) arguments: Value,
    pub(super) known: Known,
    /// How much befalls it: in percent, how likely each thing is that may.
    pub(super) trouble: u64,
}

/// How one call ended.
#[derive(Clone, Debug)]
enum Ended {
    /// With what the tool answers.
    Done(Value),
    /// With words that nobody knows.
    Unknown,
    /// With a problem of this status.
    Problem(u16),
    /// Without an answer.
    Unanswered,
}

/// What calls came to.
#[derive(Debug, Default)]
pub(super) struct Tally {
    ends: Mutex<BTreeMap<String, usize>>,
}

// === impl Tally ===

impl Tally {
    pub(super) fn count(&self, what: impl Into<String>) {
        *lock(&self.ends).entry(what.into()).or_default() += 1;
    }

    pub(super) fn of(&self, what: &str) -> usize {
        lock(&self.ends).get(what).copied().unwrap_or_default()
    }

    pub(super) fn all(&self) -> BTreeMap<String, usize> {
        lock(&self.ends).clone()
    }
}

// === impl Wish ===

impl Wish {
    /// Asks until it is fulfilled; what was answered.
    pub(super) async fn fulfil(&self, desk: &Desk, tally: &Tally) -> Value {
        let mut dice = Rng::with_seed(self.seed);
        let deadline = Instant::now() + PATIENCE;
        let (mut calls, mut answers) = (0, BTreeSet::new());
        // some ask once more although they have heard
        let mut again = dice.u64(..100) < self.trouble;
        let mut last = Value::Null;
        loop {
            self.befall_provider(desk, &mut dice);
            let copies = if dice.u64(..100) < self.trouble / 2 { dice.u64(2..4) } else { 1 };
            let mut at_once = tokio::task::JoinSet::new();
            for _ in 0..copies {
                let fate = (calls < UNLUCKY && dice.u64(..100) < 2 * self.trouble).then(|| throw(&mut dice));
                let number = if self.known == Known::Id { 0 } else { calls };
                calls += 1;
                let request = self.request(desk, number, fate).await;
                at_once.spawn(async move { read(request).await });
            }
            tally.count(if copies > 1 { "rounds at once" } else { "rounds alone" });
            for end in at_once.join_all().await {
                let end = end.unwrap_or_else(|why| panic!("seed {}: {}: {why}", self.seed, self.tool));
                tally.count(end.as_str());
                if let Ended::Done(answer) = end {
                    answers.insert(identity(&answer));
                    last = answer;
                }
            }
            assert!(answers.len() < 2, "seed {}: {} was answered {answers:?}", self.seed, self.tool);
            if !answers.is_empty() && !std::mem::take(&mut again) {
                tally.count("wishes");
                tally.count(format!("{:?}", self.known));
                tally.count(self.tool);
                return last;
            }
            assert!(
                Instant::now() < deadline,
                "seed {}: {} is never fulfilled: {:?}",
                self.seed,
                self.tool,
                tally.all()
            );
            let pause = if self.is_of_calendar() { 1_000 } else { 40 << calls.min(5) };
            tokio::time::sleep(Duration::from_millis(dice.u64(0..pause))).await;
        }
    }

    async fn request(&self, desk: &Desk, id: usize, fate: Option<Break>) -> reqwest::RequestBuilder {
        let at = match fate {
            Some(fate) => once(desk.gateway(), fate).await,
            None => desk.gateway(),
        };
        self.call(desk, at, id)
    }

    /// One call, to a gateway or whatever leads there.
    pub(super) fn call(&self, desk: &Desk, at: SocketAddr, id: usize) -> reqwest::RequestBuilder {
        let mut params = json!({"name": self.tool, "arguments": self.arguments});
        if self.known == Known::Key {
            params["_meta"] = json!({"frontdesk/request_id": format!("key-{}", self.seed)});
        }
        let message = json!({"jsonrpc": "2.0", "id": id, "method": "tools/call", "params": params});
        let request = desk.http.post(format!("http://{at}/mcp/{}", self.workflow)).json(&message);
        let request = request.bearer_auth(Desk::bearer(self.workflow)).timeout(WAIT);
        match &self.session {
            Some(session) => request.header("x-frontdesk-session", session),
            None => request,
        }
    }

    /// Whether Cal.com is behind the tool, which is asked so often in a minute and no more.
    fn is_of_calendar(&self) -> bool {
        ["book_meeting", "reschedule_meeting", "cancel_meeting"].contains(&self.tool)
    }

    /// Something that befalls the provider behind the tool: the next call that changes something there meets it.
    fn befall_provider(&self, desk: &Desk, dice: &mut Rng) {
        let (provider, path) = match self.tool {
            _ if self.is_of_calendar() => (Provider::CalCom, "POST /calcom/v2/bookings"),
            "create_checkout_link" => (Provider::Stripe, "POST /stripe/v1/checkout/sessions"),
            "open_support_ticket" => (Provider::Whop, "POST /whop/api/v1/messages"),
            _ => return,
        };
        if dice.u64(..100) < self.trouble {
            let kind = match dice.u64(0..6) {
                0..3 => FaultKind::AppliedNoAnswer,
                3 => FaultKind::Reset,
                4 => FaultKind::Status(503),
                _ => FaultKind::Latency(Duration::from_millis(dice.u64(5..150))),
            };
            desk.sandbox.inject(Fault { provider, path: Some(path.into()), count: 1, kind });
        }
    }
}

/// How the agent's own line breaks: requests have some 900 bytes, answers some 600.
fn throw(dice: &mut Rng) -> Break {
    match dice.u64(0..4) {
        0 => Break::Asking(dice.u64(1..1_000)),
        1 => Break::Answering(dice.u64(1..700)),
        2 => Break::Unheard(dice.u64(400..900), Duration::from_millis(dice.u64(1..250))),
        _ => Break::Moment(Duration::from_micros(dice.u64(500..120_000))),
    }
}

/// What a call came to; an error if that is none of what may be.
async fn read(request: reqwest::RequestBuilder) -> Result<Ended, String> {
    let Ok(response) = request.send().await else { return Ok(Ended::Unanswered) };
    let status = response.status().as_u16();
    let Ok(text) = response.text().await else { return Ok(Ended::Unanswered) };
    match status {
        200 => {}
        500 | 503 | 504 => return Ok(Ended::Problem(status)),
        _ => return Err(format!("{status}: {text}")),
    }
    let answer: Value = serde_json::from_str(&text).map_err(|why| format!("{why}: {text}"))?;
    let result = &answer["result"];
    match (&result["isError"], &result["structuredContent"]) {
        (Value::Bool(true), _) => {
            let words = result["content"][0]["text"].as_str().unwrap_or_default();
            let unknown = words.starts_with("the tool has failed");
            if unknown { Ok(Ended::Unknown) } else { Err(words.to_owned()) }
        }
        (_, done @ Value::Object(_)) => Ok(Ended::Done(done.clone())),
        _ => Err(text),
    }
}

/// What an answer names as its effect.
fn identity(answer: &Value) -> String {
    let names =
        [&answer["meeting"]["booking_id"], &answer["reference"], &answer["notice_id"], &answer["outcome"]];
    names.into_iter().filter_map(Value::as_str).collect::<Vec<_>>().join(" ")
}

// === impl Ended ===

impl Ended {
    fn as_str(&self) -> String {
        match self {
            Self::Done(_) => "done".to_owned(),
            Self::Unknown => "unknown".to_owned(),
            Self::Problem(status) => format!("problem {status}"),
            Self::Unanswered => "unanswered".to_owned(),
        }
    }
}
