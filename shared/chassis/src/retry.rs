//! Doing a call again, politely.
//!
//! Retries happen at the typed call, at one layer only, and only for what the caller classifies as worth it. The
//! invariants: a wait lies in the upper half of the exponential step, a server's hint wins over it, and no wait
//! begins that the deadline would cut short.

use std::time::Duration;

use crate::deadline;

/// How often and how patiently.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Policy {
    /// Calls in all, the first one included.
    pub attempts: u32,
    /// The step before the second call; it doubles with every call.
    pub base: Duration,
    /// The longest wait, hints included.
    pub cap: Duration,
}

/// What a failure is worth.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It would fail again.
    Stop,
    /// Worth another try, after the server's hint if it gave one.
    Again(Option<Duration>),
}

/// Calls `op` until it succeeds, `classify` says stop, the attempts are used up, or the wait would pass the deadline.
///
/// # Errors
/// The last failure of `op`.
pub async fn retry<T, E, F, Fut>(policy: Policy, classify: impl Fn(&E) -> Verdict, mut op: F) -> Result<T, E>
where
    // an `AsyncFnMut` may lend from itself, and then the whole future is not known to be `Send`
    F: FnMut() -> Fut,
    Fut: Future<Output = Result<T, E>>,
{
    let mut attempt = 1;
    loop {
        let failure = match op().await {
            Ok(value) => return Ok(value),
            Err(failure) => failure,
        };
        let Verdict::Again(hint) = classify(&failure) else { return Err(failure) };
        let wait = hint.map_or_else(|| equal_jitter(&policy, attempt), |hint| hint.min(policy.cap));
        if attempt >= policy.attempts || deadline::remaining().is_some_and(|left| left <= wait) {
            return Err(failure);
        }
        tokio::time::sleep(wait).await;
        attempt += 1;
    }
}

/// The wait after failed call number `attempt` (from 1): half of the exponential step for sure, the other half by lot.
pub fn equal_jitter(policy: &Policy, attempt: u32) -> Duration {
    let doublings = attempt.saturating_sub(1).min(31);
    let step = policy.base.saturating_mul(1 << doublings).min(policy.cap);
    let half = step / 2;
    half + (step - half).mul_f64(lot())
}

/// A number in `[0, 1)`. Without random bits the waits are merely not spread.
fn lot() -> f64 {
    let bits = getrandom::u32().unwrap_or(0);
    f64::from(bits) / (f64::from(u32::MAX) + 1.0)
}

#[cfg(test)]
mod tests {
    use std::{cell::Cell, time::Instant};

    use super::*;

    const QUICK: Policy =
        Policy { attempts: 3, base: Duration::from_micros(100), cap: Duration::from_millis(2) };

    async fn count_calls(
        policy: Policy,
        verdict: Verdict,
        succeed_at: u32,
    ) -> (Result<u32, &'static str>, u32) {
        let calls = Cell::new(0);
        let outcome = retry(
            policy,
            |_| verdict,
            async || {
                calls.set(calls.get() + 1);
                if calls.get() == succeed_at { Ok(calls.get()) } else { Err("no") }
            },
        )
        .await;
        (outcome, calls.get())
    }

    #[test]
    fn a_wait_lies_in_the_upper_half_of_its_step() {
        let policy =
            Policy { attempts: 9, base: Duration::from_millis(100), cap: Duration::from_millis(500) };
        for (attempt, step) in [(1, 100), (2, 200), (3, 400), (4, 500), (40, 500), (u32::MAX, 500)] {
            let step = Duration::from_millis(step);
            let waits: Vec<_> = (0..200).map(|_| equal_jitter(&policy, attempt)).collect();
            assert!(waits.iter().all(|wait| (step / 2..=step).contains(wait)), "attempt {attempt}");
            assert!(waits.iter().any(|wait| *wait != waits[0]), "attempt {attempt} is not spread");
        }
    }

    #[tokio::test]
    async fn only_what_is_worth_it_is_called_again() {
        assert_eq!(count_calls(QUICK, Verdict::Stop, 2).await, (Err("no"), 1));
        assert_eq!(count_calls(QUICK, Verdict::Again(None), 2).await, (Ok(2), 2));
        assert_eq!(count_calls(QUICK, Verdict::Again(None), 9).await, (Err("no"), 3));
    }

    #[tokio::test]
    async fn the_servers_hint_wins_up_to_the_cap() {
        let policy = Policy { attempts: 2, base: Duration::from_secs(600), cap: Duration::from_secs(900) };
        let hint = Duration::from_millis(5);
        let start = Instant::now();
        assert_eq!(count_calls(policy, Verdict::Again(Some(hint)), 2).await, (Ok(2), 2));
        assert!((hint..policy.base / 2).contains(&start.elapsed()));

        let long = Verdict::Again(Some(Duration::from_secs(3_600)));
        assert_eq!(count_calls(QUICK, long, 2).await, (Ok(2), 2));
    }

    #[tokio::test]
    async fn no_wait_begins_that_the_deadline_would_cut() {
        let patient = Policy { attempts: 5, base: Duration::from_secs(600), cap: Duration::from_secs(600) };
        let start = Instant::now();
        let outcome =
            deadline::within(Duration::from_secs(60), count_calls(patient, Verdict::Again(None), 2)).await;
        assert_eq!(outcome, (Err("no"), 1));
        assert!(start.elapsed() < Duration::from_secs(60));
    }

    #[tokio::test]
    async fn a_retried_call_may_move_between_threads() {
        let client = std::sync::Arc::new(std::sync::atomic::AtomicU32::new(0));
        let calls = client.clone();
        let task = tokio::spawn(async move {
            let worth_it = |_: &u32| Verdict::Again(None);
            retry(QUICK, worth_it, async || {
                tokio::task::yield_now().await;
                let call = calls.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
                if call == 1 { Ok(call) } else { Err(call) }
            })
            .await
        });
        assert_eq!(task.await.unwrap(), Ok(1));
    }
}
