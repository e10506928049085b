//! Removes what has expired, a little at a time.
//!
//! Only disk space depends on it: an expired document counts as absent whether it was collected or not.

use std::time::{Duration, Instant};

use rusqlite::Connection;

use super::file;

/// Most documents of a collection that one step removes; a step holds up the commits behind it.
const STEP: usize = 256;
/// From one round to the next.
const PAUSE: Duration = Duration::from_secs(60);

/// When to collect next.
pub(super) struct Collector {
    due: Instant,
}

impl Collector {
    /// One that begins at once.
    pub(super) fn new() -> Self {
        Self { due: Instant::now() }
    }

    /// Until the next step.
    pub(super) fn wait(&self) -> Duration {
        self.due.saturating_duration_since(Instant::now())
    }

    /// Does a step when its time has come: at once when the step before left something over.
    pub(super) fn step(&mut self, connection: &Connection, now: i64) {
        if !self.wait().is_zero() {
            return;
        }
        let left = collect(connection, now).unwrap_or_else(|error| {
            tracing::warn!(error = &error as &dyn std::error::Error, "cannot collect expired documents");
            false
        });
        self.due = Instant::now() + if left { Duration::ZERO } else { PAUSE };
    }
}

/// Whether there is more to collect.
fn collect(connection: &Connection, now: i64) -> rusqlite::Result<bool> {
    let mut left = false;
    for table in file::tables(connection)? {
        let sql = format!(
            "DELETE FROM {table} WHERE id IN (SELECT id FROM {table} WHERE expires_at <= ?1 LIMIT {STEP})"
        );
        left |= connection.prepare_cached(&sql)?.execute([now])? == STEP;
    }
    Ok(left)
}
