//! The one writer: a thread that owns the connection for writing and commits in groups.
//!
//! Syncing to the disk is what a commit costs, and it costs the same for one as for hundreds. So the writer takes
//! whatever waits into one transaction. The invariant: a commit is answered after the transaction it was in, and one
//! that conflicts changes nothing, not even for those in its group.

use std::{
    collections::HashSet,
    sync::{Arc, mpsc},
    thread::{self, JoinHandle},
};

use rusqlite::{Connection, OptionalExtension, Transaction, TransactionBehavior};
use tokio::sync::oneshot;

use super::{collector::Collector, file, unavailable};
use crate::{Clock, Commit, Error, Key, Precondition, Version};

/// Most commits of a group.
const GROUP: usize = 256;

/// One write, ready for the file.
pub(super) struct Change {
    pub(super) key: Key,
    pub(super) precondition: Precondition,
    pub(super) action: Action,
}

/// What a write does.
pub(super) enum Action {
    /// Makes the document this JSON.
    Put { body: String, expires_at: Option<i64> },
    /// Removes it.
    Delete,
}

type Answer = Result<Commit, Error>;

/// A commit and who waits for it.
struct Job {
    changes: Vec<Change>,
    answer: oneshot::Sender<Answer>,
}

/// What the thread is asked for.
enum Order {
    Commit(Job),
    /// Commits wait for it, instead of failing for want of SQLite's lock. Done only while somebody waits for it.
    Scrub(oneshot::Sender<Result<(), Error>>),
}

/// The handle of the writer's thread. Dropping it waits until all that was sent is committed.
pub(super) struct Writer {
    orders: Option<mpsc::Sender<Order>>,
    thread: Option<JoinHandle<()>>,
}

impl Writer {
    /// Starts the thread. `commits` is how many the file has seen.
    pub(super) fn start(connection: Connection, commits: u64, clock: Clock) -> Result<Self, Error> {
        let (orders, waiting) = mpsc::channel();
        let desk = Desk { connection, clock, version: commits, tables: HashSet::new(), written: None };
        let thread = thread::Builder::new().name("store-writer".into()).spawn(move || desk.run(&waiting));
        Ok(Self { orders: Some(orders), thread: Some(thread.map_err(unavailable)?) })
    }

    /// Commits. What was sent happens even when nobody waits for the answer any more.
    pub(super) async fn commit(&self, changes: Vec<Change>) -> Answer {
        let (answer, outcome) = oneshot::channel();
        self.send(Order::Commit(Job { changes, answer }))?;
        // The thread ended in the middle of it.
        outcome.await.unwrap_or(Ok(Commit::Unknown))
    }

    /// Writes the file anew; what was sent before is in it.
    pub(super) async fn scrub(&self) -> Result<(), Error> {
        let (answer, outcome) = oneshot::channel();
        self.send(Order::Scrub(answer))?;
        outcome.await.map_err(unavailable)?
    }

    fn send(&self, order: Order) -> Result<(), Error> {
        let orders = self.orders.as_ref().expect("the channel is open until the writer is dropped");
        orders.send(order).map_err(|_| unavailable(Gone))
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.orders = None;
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the store's writer has panicked");
        }
    }
}

#[derive(Debug, thiserror::Error)]
#[error("the writer is gone")]
struct Gone;

/// How a group failed as a whole.
enum Failure {
    /// Before its end, so nothing happened.
    Statement(rusqlite::Error),
    /// At its end; it may yet be found in the file after a crash.
    Commit(rusqlite::Error),
}

impl From<rusqlite::Error> for Failure {
    fn from(error: rusqlite::Error) -> Self {
        Self::Statement(error)
    }
}

/// What the writer's thread works with.
struct Desk {
    connection: Connection,
    clock: Clock,
    /// The last version that was given away. No version is ever given twice.
    version: u64,
    /// Collections whose table is there.
    tables: HashSet<&'static str>,
    /// Changes that the file had seen when it was last written anew.
    written: Option<u64>,
}

impl Desk {
    fn run(mut self, orders: &mpsc::Receiver<Order>) {
        let mut collector = Collector::new();
        loop {
            match orders.recv_timeout(collector.wait()) {
                Ok(first) => self.take(first, orders),
                Err(mpsc::RecvTimeoutError::Timeout) => {}
                Err(mpsc::RecvTimeoutError::Disconnected) => return,
            }
            collector.step(&self.connection, (self.clock)().as_millisecond());
        }
    }

    /// Serves the first order, and in one group what commits wait with it.
    fn take(&mut self, first: Order, orders: &mpsc::Receiver<Order>) {
        let (mut group, mut scrub) = (Vec::new(), None);
        for order in std::iter::once(first).chain(orders.try_iter()).take(GROUP) {
            match order {
                Order::Commit(job) => group.push(job),
                Order::Scrub(answer) => {
                    scrub = Some(answer);
                    break;
                }
            }
        }
        if !group.is_empty() {
            self.serve(group);
        }
        // Whoever does not wait any more asks again; all others would wait for nothing.
        if let Some(answer) = scrub.filter(|answer| !answer.is_closed()) {
            let _ = answer.send(file::scrub(&self.connection, &mut self.written));
        }
    }

    fn serve(&mut self, group: Vec<Job>) {
        match self.commit(&group) {
            Ok(outcomes) => {
                for (job, outcome) in group.into_iter().zip(outcomes) {
                    // Nobody waits any more: fine.
                    let _ = job.answer.send(Ok(outcome));
                }
            }
            // One of them may be to blame; it shall not take the others with it, now or when they come again.
            Err(Failure::Statement(_)) if group.len() > 1 => {
                group.into_iter().for_each(|job| self.serve(vec![job]));
            }
            Err(Failure::Statement(error)) => refuse(group, error, true),
            Err(Failure::Commit(error)) => {
                let undone = self.overwrite();
                refuse(group, error, undone);
            }
        }
    }

    /// Commits a group in one transaction and answers what became of each.
    fn commit(&mut self, group: &[Job]) -> Result<Vec<Commit>, Failure> {
        // A table that this transaction makes is there only once it is committed.
        let known = self.tables.clone();
        let before = std::mem::replace(&mut self.tables, known);
        let result = self.transact(group);
        if result.is_err() {
            self.tables = before;
        }
        result
    }

    fn transact(&mut self, group: &[Job]) -> Result<Vec<Commit>, Failure> {
        let Self { connection, clock, version, tables, .. } = self;
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let now = clock().as_millisecond();
        let first = *version;
        let mut outcomes = Vec::with_capacity(group.len());
        for job in group {
            outcomes.push(apply(&transaction, &job.changes, *version + 1, now, tables)?);
            *version += u64::from(outcomes.last() != Some(&Commit::Conflict));
        }
        if *version > first {
            set_commits(&transaction, *version)?;
        }
        transaction.commit().map_err(Failure::Commit)?;
        Ok(outcomes)
    }

    /// Writes something after a failed commit, in the place where it left its traces, and answers whether that
    /// worked. Until then a crash could bring the commit back.
    fn overwrite(&mut self) -> bool {
        self.version += 1;
        set_commits(&self.connection, self.version).is_ok()
    }
}

fn set_commits(connection: &Connection, version: u64) -> rusqlite::Result<()> {
    connection.prepare_cached("UPDATE meta SET value = ?1 WHERE key = 'commits'")?.execute([version])?;
    Ok(())
}

/// Answers a group that failed as a whole.
fn refuse(group: Vec<Job>, error: rusqlite::Error, undone: bool) {
    tracing::error!(error = &error as &dyn std::error::Error, undone, "a commit has failed");
    let error = Arc::new(error);
    for job in group {
        let answer = if undone { Err(unavailable(Arc::clone(&error))) } else { Ok(Commit::Unknown) };
        let _ = job.answer.send(answer);
    }
}

/// Does all changes when all their preconditions hold.
fn apply(
    transaction: &Transaction<'_>,
    changes: &[Change],
    version: u64,
    now: i64,
    tables: &mut HashSet<&'static str>,
) -> rusqlite::Result<Commit> {
    // No document stands twice in a commit, so all can be checked before the first is written.
    for Change { key, precondition, .. } in changes {
        if tables.insert(key.collection) {
            file::create_table(transaction, key.collection)?;
        }
        if !holds(transaction, key, *precondition, now)? {
            return Ok(Commit::Conflict);
        }
    }
    for Change { key, action, .. } in changes {
        write(transaction, key, action, version)?;
    }
    Ok(Commit::Done(Version(version.into())))
}

fn holds(
    transaction: &Transaction<'_>,
    key: &Key,
    precondition: Precondition,
    now: i64,
) -> rusqlite::Result<bool> {
    if precondition == Precondition::Any {
        return Ok(true);
    }
    let sql = format!(
        "SELECT version FROM {} WHERE id = ?1 AND (expires_at IS NULL OR expires_at > ?2)",
        file::table(key.collection)
    );
    let found = transaction
        .prepare_cached(&sql)?
        .query_row((&key.id, now), |row| row.get(0))
        .optional()?
        .map(|version: u64| Version(version.into()));
    Ok(match precondition {
        Precondition::Any => true,
        Precondition::Absent => found.is_none(),
        Precondition::Exists => found.is_some(),
        Precondition::Version(wanted) => found == Some(wanted),
    })
}

fn write(transaction: &Transaction<'_>, key: &Key, action: &Action, version: u64) -> rusqlite::Result<()> {
    let table = file::table(key.collection);
    match action {
        Action::Put { body, expires_at } => {
            let sql = format!("REPLACE INTO {table} (id, version, expires_at, body) VALUES (?1, ?2, ?3, ?4)");
            transaction.prepare_cached(&sql)?.execute((&key.id, version, expires_at, body))?;
        }
        Action::Delete => {
            let sql = format!("DELETE FROM {table} WHERE id = ?1");
            transaction.prepare_cached(&sql)?.execute([&key.id])?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
