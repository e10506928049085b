//! The sessions that this process holds, to serve them again.
//!
//! The invariant: a session is taken out only under the whole key that it was put in with, and only while more than
//! [`MARGIN`] of it is left. All removal compares first, so that nobody removes what another has just minted.

use std::{future::ready, sync::Arc, time::Duration};

use jiff::{SignedDuration, Timestamp};
use moka::{Entry, future::Cache, ops::compute::Op};
use secrecy::{ExposeSecret as _, SecretString};
use serde::{Deserialize, Serialize};
use store::Clock;
use subtle::ConstantTimeEq as _;

/// What must be left of a session for it to be served again.
const MARGIN: SignedDuration = SignedDuration::from_secs(60);
/// Most sessions that are held.
const CAPACITY: u64 = 100_000;
/// No session lives longer; this only frees memory, the injected clock decides.
const TIME_TO_LIVE: Duration = Duration::from_secs(600);

/// Hash of all that must be the same for a session to be served again.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub(crate) struct Key(String);

/// A session that is held.
#[derive(Clone, Debug)]
pub(crate) struct Held {
    /// Its id.
    pub(crate) id: String,
    /// Its client secret.
    pub(crate) secret: SecretString,
    /// When it ends.
    pub(crate) expires_at: Timestamp,
}

/// The sessions, by key.
#[derive(Clone)]
pub(crate) struct Memory {
    held: Cache<Key, Held>,
    clock: Clock,
}

// === impl Key ===

impl Key {
    /// The key of these parts.
    pub(crate) fn of(parts: &[&str]) -> Self {
        Self(domain::id::digest(parts))
    }
}

// === impl Held ===

impl Held {
    /// Whether this is the session of a secret, in constant time.
    pub(crate) fn has_secret(&self, secret: &SecretString) -> bool {
        self.secret.expose_secret().as_bytes().ct_eq(secret.expose_secret().as_bytes()).into()
    }

    fn is_fit(&self, shown: Option<&SecretString>, now: Timestamp) -> bool {
        self.expires_at.duration_since(now) > MARGIN && !shown.is_some_and(|shown| self.has_secret(shown))
    }
}

// === impl Memory ===

impl Memory {
    /// An empty memory.
    pub(crate) fn new(clock: Clock) -> Self {
        let held = Cache::builder().max_capacity(CAPACITY).time_to_live(TIME_TO_LIVE).build();
        Self { held, clock }
    }

    /// The session under `key` if it may be served again; `shown` is the secret that the client has already.
    pub(crate) async fn get(&self, key: &Key, shown: Option<&SecretString>) -> Option<Held> {
        self.held.get(key).await.filter(|held| held.is_fit(shown, (self.clock)()))
    }

    /// The session under `key`, made by `mint` if there is none that may be served again. Of concurrent calls with
    /// one key a single one mints; the others wait for it and share what comes of it.
    pub(crate) async fn get_or<E: Send + Sync + 'static>(
        &self,
        key: &Key,
        shown: Option<&SecretString>,
        mint: impl Future<Output = Result<Held, E>>,
    ) -> Result<Held, Arc<E>> {
        let now = (self.clock)();
        self.remove_if(key, move |held| !held.is_fit(shown, now)).await;
        self.held.try_get_with(key.clone(), mint).await
    }

    /// Drops this session; a newer one under the same key stays.
    pub(crate) async fn forget(&self, key: &Key, id: &str) {
        self.remove_if(key, move |held| held.id == id).await;
    }

    async fn remove_if(&self, key: &Key, condition: impl FnOnce(&Held) -> bool) {
        let remove = |entry: Option<Entry<Key, Held>>| match entry {
            Some(entry) if condition(entry.value()) => ready(Op::Remove),
            _ => ready(Op::Nop),
        };
        self.held.entry_by_ref(key).and_compute_with(remove).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn held(id: &str, seconds: i64) -> Held {
        let expires_at = Timestamp::from_second(seconds).unwrap();
        Held { id: id.into(), secret: format!("ek_{id}").into(), expires_at }
    }

    fn memory_at(seconds: i64) -> Memory {
        Memory::new(Arc::new(move || Timestamp::from_second(seconds).unwrap()))
    }

    async fn obtain(memory: &Memory, key: &Key, shown: Option<&str>, next: &Held) -> String {
        let shown = shown.map(SecretString::from);
        let next = next.clone();
        memory.get_or(key, shown.as_ref(), async move { Ok::<_, ()>(next) }).await.unwrap().id
    }

    #[tokio::test]
    async fn a_session_is_served_again_until_a_minute_before_its_end() {
        let key = Key::of(&["a"]);
        for (end, again) in [(1_061, true), (1_060, false)] {
            let memory = memory_at(1_000);
            assert_eq!(obtain(&memory, &key, None, &held("1", end)).await, "1");
            assert_eq!(memory.get(&key, None).await.is_some(), again);
            assert_eq!(obtain(&memory, &key, None, &held("2", end)).await == "1", again);
        }
    }

    #[tokio::test]
    async fn a_secret_that_was_shown_is_not_served_again() {
        let (memory, key) = (memory_at(1_000), Key::of(&["a"]));
        obtain(&memory, &key, None, &held("1", 1_600)).await;
        assert_eq!(obtain(&memory, &key, Some("ek_other"), &held("2", 1_600)).await, "1");
        assert_eq!(obtain(&memory, &key, Some("ek_1"), &held("2", 1_600)).await, "2");
        assert_eq!(obtain(&memory, &key, Some("ek_1"), &held("3", 1_600)).await, "2");
    }

    #[tokio::test]
    async fn who_waits_for_a_mint_shares_what_comes_of_it() {
        let (memory, key) = (memory_at(1_000), Key::of(&["a"]));
        for outcome in [Err("no"), Ok(held("1", 1_600))] {
            let mints = std::cell::Cell::new(0);
            let calls = (0..20).map(|_| {
                memory.get_or(&key, None, async {
                    mints.set(mints.get() + 1);
                    tokio::task::yield_now().await;
                    outcome.clone()
                })
            });
            let answers = futures_util::future::join_all(calls).await;
            assert_eq!(mints.get(), 1);
            let same = |answer: &Result<Held, Arc<&str>>| match (answer, &outcome) {
                (Ok(held), Ok(minted)) => held.has_secret(&minted.secret),
                (Err(failure), Err(first)) => **failure == *first,
                _ => false,
            };
            assert!(answers.iter().all(same));
        }
    }

    #[tokio::test]
    async fn forgetting_compares_first() {
        let (memory, key) = (memory_at(1_000), Key::of(&["a"]));
        obtain(&memory, &key, None, &held("2", 1_600)).await;
        memory.forget(&key, "1").await;
        assert!(memory.get(&key, None).await.is_some());
        memory.forget(&key, "2").await;
        assert!(memory.get(&key, None).await.is_none());
    }

    #[test]
    fn what_is_held_does_not_show_its_secret() {
        assert!(!format!("{:?}", held("1", 1_600)).contains("ek_1"));
    }
}
