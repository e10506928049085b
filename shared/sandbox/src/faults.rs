//! Faults: what goes wrong between a client and a provider, on demand or by dice.
//!
//! The invariant: a queued fault is used by exactly `count` matching requests, in the order of the queue.

use std::{
    collections::VecDeque,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use serde::{Deserialize, Serialize};

use crate::random::Dice;

/// Whose stand-in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Provider {
    /// OpenAI's endpoints.
    OpenAi,
    /// Google Sheets v4.
    Sheets,
    /// Cal.com's API v2.
    CalCom,
    /// Stripe's API v1.
    Stripe,
    /// Whop's API v1.
    Whop,
    /// Google Drive v3.
    Drive,
    /// Slack's incoming webhook.
    Slack,
    /// A mail server.
    Smtp,
}

/// One fault for the next `count` requests that match.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fault {
    /// Whose requests.
    pub provider: Provider,
    /// Only requests whose `METHOD /path?query` contains this.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// How many requests it hits.
    #[serde(default = "once")]
    pub count: u32,
    /// What happens to them.
    pub kind: FaultKind,
}

fn once() -> u32 {
    1
}

/// `METHOD /path` of the requests that stream.
const STREAMING: &str = "POST /openai/v1/responses";

/// What happens to a request.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(into = "Knob", from = "Knob")]
pub enum FaultKind {
    /// The work is done this much later, even if the client has left by then.
    Latency(Duration),
    /// This status in the provider's own error shape, without the work.
    Status(u16),
    /// 429 in the provider's own shape, without the work.
    RateLimited {
        /// Seconds in the header `Retry-After`, or no such header.
        retry_after_s: Option<u64>,
    },
    /// The work is done, then the connection closes without an answer.
    AppliedNoAnswer,
    /// The connection closes at once, without the work.
    Reset,
    /// Nothing is done or answered for this long, then the connection closes.
    Hang(Duration),
    /// This pause before each event of a streamed response.
    SlowStream {
        /// The pause.
        per_event: Duration,
    },
    /// The connection closes after this many events of a response; at once when it does not stream.
    CutAfter(usize),
    /// A frame of broken JSON after this many events of a response.
    GarbledAfter(usize),
    /// The response fails after this many events: `response.failed`, or status `failed`.
    FailedAfter(usize),
    /// The response ends half-way, as if `max_output_tokens` were used up.
    Incomplete,
}

/// A [`FaultKind`] as JSON: `{"type":"latency","ms":250}`.
#[derive(Clone, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case", deny_unknown_fields)]
enum Knob {
    Latency {
        ms: u64,
    },
    Status {
        status: u16,
    },
    RateLimited {
        #[serde(default, skip_serializing_if = "Option::is_none")]
        retry_after_s: Option<u64>,
    },
    AppliedNoAnswer,
    Reset,
    Hang {
        ms: u64,
    },
    SlowStream {
        ms: u64,
    },
    CutAfter {
        events: usize,
    },
    GarbledAfter {
        events: usize,
    },
    FailedAfter {
        events: usize,
    },
    Incomplete,
}

/// Random faults: chances from 0 to 1 for each request to any provider, the same for the same seed.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Chaos {
    /// Where the dice begin.
    pub seed: u64,
    /// 503 without the work.
    pub unavailable: f64,
    /// The work is done and not answered.
    pub applied_no_answer: f64,
    /// Closed without the work.
    pub reset: f64,
    /// 429 without the work.
    pub rate_limited: f64,
}

/// All knobs, as the page `/sandbox/faults` shows and takes them.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Knobs {
    pub(crate) faults: Vec<Fault>,
    pub(crate) chaos: Option<Chaos>,
}

#[derive(Default)]
struct Plan {
    queue: VecDeque<Fault>,
    chaos: Option<(Chaos, Dice)>,
}

/// The faults to come.
#[derive(Default)]
pub(crate) struct Faults(Mutex<Plan>);

// === impl FaultKind ===

impl FaultKind {
    /// Whether it befalls a response of a model, and nothing else.
    pub(crate) fn is_of_stream(&self) -> bool {
        matches!(
            self,
            Self::SlowStream { .. }
                | Self::CutAfter(_)
                | Self::GarbledAfter(_)
                | Self::FailedAfter(_)
                | Self::Incomplete
        )
    }
}

impl From<FaultKind> for Knob {
    fn from(kind: FaultKind) -> Self {
        let ms = |time: Duration| u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
        match kind {
            FaultKind::Latency(time) => Self::Latency { ms: ms(time) },
            FaultKind::Status(status) => Self::Status { status },
            FaultKind::RateLimited { retry_after_s } => Self::RateLimited { retry_after_s },
            FaultKind::AppliedNoAnswer => Self::AppliedNoAnswer,
            FaultKind::Reset => Self::Reset,
            FaultKind::Hang(time) => Self::Hang { ms: ms(time) },
            FaultKind::SlowStream { per_event } => Self::SlowStream { ms: ms(per_event) },
            FaultKind::CutAfter(events) => Self::CutAfter { events },
            FaultKind::GarbledAfter(events) => Self::GarbledAfter { events },
            FaultKind::FailedAfter(events) => Self::FailedAfter { events },
            FaultKind::Incomplete => Self::Incomplete,
        }
    }
}

impl From<Knob> for FaultKind {
    fn from(knob: Knob) -> Self {
        match knob {
            Knob::Latency { ms } => Self::Latency(Duration::from_millis(ms)),
            Knob::Status { status } => Self::Status(status),
            Knob::RateLimited { retry_after_s } => Self::RateLimited { retry_after_s },
            Knob::AppliedNoAnswer => Self::AppliedNoAnswer,
            Knob::Reset => Self::Reset,
            Knob::Hang { ms } => Self::Hang(Duration::from_millis(ms)),
            Knob::SlowStream { ms } => Self::SlowStream { per_event: Duration::from_millis(ms) },
            Knob::CutAfter { events } => Self::CutAfter(events),
            Knob::GarbledAfter { events } => Self::GarbledAfter(events),
            Knob::FailedAfter { events } => Self::FailedAfter(events),
            Knob::Incomplete => Self::Incomplete,
        }
    }
}

// === impl Faults ===

impl Faults {
    fn lock(&self) -> MutexGuard<'_, Plan> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn push(&self, fault: Fault) {
        self.lock().queue.push_back(fault);
    }

    pub(crate) fn set_chaos(&self, chaos: Option<Chaos>) {
        self.lock().chaos = chaos.map(|chaos| {
            let dice = Dice::new(chaos.seed);
            (chaos, dice)
        });
    }

    pub(crate) fn clear(&self) {
        *self.lock() = Plan::default();
    }

    pub(crate) fn knobs(&self) -> Knobs {
        let plan = self.lock();
        Knobs {
            faults: plan.queue.iter().cloned().collect(),
            chaos: plan.chaos.as_ref().map(|(chaos, _)| chaos.clone()),
        }
    }

    pub(crate) fn set_knobs(&self, knobs: Knobs) {
        self.lock().queue = knobs.faults.into();
        self.set_chaos(knobs.chaos);
    }

    /// The fault that this request meets, if any; it is used up.
    pub(crate) fn meet(&self, provider: Provider, request: &str) -> Option<FaultKind> {
        let mut plan = self.lock();
        plan.queue.retain(|fault| fault.count > 0);
        let matches = |fault: &&mut Fault| {
            fault.provider == provider
                && fault.path.as_ref().is_none_or(|path| request.contains(path.as_str()))
                && (!fault.kind.is_of_stream() || request == STREAMING)
        };
        if let Some(fault) = plan.queue.iter_mut().find(matches) {
            fault.count -= 1;
            let kind = fault.kind.clone();
            plan.queue.retain(|fault| fault.count > 0);
            return Some(kind);
        }
        let (chaos, dice) = plan.chaos.as_mut()?;
        chaos.pick(dice.throw())
    }
}

impl Chaos {
    fn pick(&self, mut thrown: f64) -> Option<FaultKind> {
        let kinds = [
            (self.unavailable, FaultKind::Status(503)),
            (self.applied_no_answer, FaultKind::AppliedNoAnswer),
            (self.reset, FaultKind::Reset),
            (self.rate_limited, FaultKind::RateLimited { retry_after_s: None }),
        ];
        for (chance, kind) in kinds {
            if thrown < chance {
                return Some(kind);
            }
            thrown -= chance;
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reset(path: Option<&str>, count: u32) -> Fault {
        Fault { provider: Provider::Sheets, path: path.map(str::to_owned), count, kind: FaultKind::Reset }
    }

    #[test]
    fn a_fault_hits_its_count_of_matching_requests_and_no_other() {
        let faults = Faults::default();
        faults.push(reset(Some("POST "), 2));
        assert_eq!(faults.meet(Provider::OpenAi, "POST /x"), None);
        assert_eq!(faults.meet(Provider::Sheets, "GET /x"), None);
        assert_eq!(faults.meet(Provider::Sheets, "POST /x"), Some(FaultKind::Reset));
        assert_eq!(faults.meet(Provider::Sheets, "POST /x"), Some(FaultKind::Reset));
        assert_eq!(faults.meet(Provider::Sheets, "POST /x"), None);
    }

    #[test]
    fn chaos_is_repeatable_and_keeps_to_its_chances() {
        let run = |seed| {
            let faults = Faults::default();
            faults.set_chaos(Some(Chaos { seed, unavailable: 0.1, reset: 0.2, ..Default::default() }));
            (0..10_000).map(|_| faults.meet(Provider::Sheets, "GET /")).collect::<Vec<_>>()
        };
        let met = run(7);
        assert_eq!(met, run(7));
        assert_ne!(met, run(8));
        let share = |kind: &FaultKind| met.iter().flatten().filter(|met| *met == kind).count();
        assert!((800..1200).contains(&share(&FaultKind::Status(503))));
        assert!((1800..2200).contains(&share(&FaultKind::Reset)));
        assert_eq!(share(&FaultKind::AppliedNoAnswer), 0);
    }

    #[test]
    fn a_fault_of_a_stream_waits_for_a_stream() {
        let faults = Faults::default();
        let kind = FaultKind::CutAfter(3);
        faults.push(Fault { provider: Provider::OpenAi, path: None, count: 1, kind: kind.clone() });
        assert_eq!(faults.meet(Provider::OpenAi, "POST /openai/v1/moderations"), None);
        assert_eq!(faults.meet(Provider::OpenAi, "GET /openai/v1/responses/resp_1"), None);
        assert_eq!(faults.meet(Provider::OpenAi, "POST /openai/v1/responses"), Some(kind));
    }

    #[test]
    fn kinds_survive_json() {
        for kind in [
            FaultKind::SlowStream { per_event: Duration::from_millis(7) },
            FaultKind::CutAfter(1),
            FaultKind::GarbledAfter(2),
            FaultKind::FailedAfter(3),
            FaultKind::Incomplete,
        ] {
            let json = serde_json::to_string(&kind).unwrap();
            assert_eq!(serde_json::from_str::<FaultKind>(&json).unwrap(), kind, "{json}");
        }
    }

    #[test]
    fn knobs_read_as_json() {
        let json = r#"{"faults":[{"provider":"openai","kind":{"type":"hang","ms":5}}],"chaos":{"seed":1,"reset":0.5}}"#;
        let knobs: Knobs = serde_json::from_str(json).unwrap();
        assert_eq!(knobs.faults[0].kind, FaultKind::Hang(Duration::from_millis(5)));
        assert_eq!(knobs.faults[0].count, 1);
        assert_eq!(knobs.chaos.unwrap().reset, 0.5);
        assert!(serde_json::from_str::<Knobs>(r#"{"fault":[]}"#).is_err());
    }
}
