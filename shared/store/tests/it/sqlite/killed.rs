//! `kill -9`: what was answered is there, and the file is free at once.

use std::{
    collections::BTreeSet,
    ffi::OsString,
    io::{BufRead, BufReader, Write},
    path::Path,
    process::{Child, Command, Stdio},
    sync::Arc,
    time::{Duration, Instant},
};

use serde_json::json;
use store::{Error, Precondition, Store, sqlite::Sqlite, system_clock};
use tempfile::TempDir;

use crate::conformance::{SCHEMA, done, person, put};

/// Where the child finds its file; without it the child does nothing.
const FILE: &str = "STORE_TEST_FILE";
/// Which documents it writes.
const ROUND: &str = "STORE_TEST_ROUND";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_answered_survives_a_kill() {
    let directory = TempDir::new().unwrap();
    let path = directory.path().join("it.db");
    let mut answered = BTreeSet::new();
    for round in 0..3 {
        let before = answered.len();
        answered.extend(commit_until_killed(&path, round, 100 + 150 * round));
        assert!(answered.len() >= before + 100);
        // At once: no wait, no second try.
        let store = Sqlite::open(&path, SCHEMA, system_clock()).unwrap();
        for id in &answered {
            let found = store.get(&person(id)).await.unwrap();
            assert_eq!(found.map(|found| found.body), Some(json!({ "name": id })), "{id} is lost");
        }
    }
}

/// The ids that a child had answered until it was killed, which happens once they are `enough`.
fn commit_until_killed(path: &Path, round: usize, enough: usize) -> Vec<String> {
    let mut child = Killed(
        Command::new(std::env::current_exe().unwrap())
            .args(["--ignored", "--exact", "--nocapture", "sqlite::killed::commits_until_killed"])
            .envs([(FILE, path.as_os_str().to_owned()), (ROUND, OsString::from(round.to_string()))])
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap(),
    );
    let lines = BufReader::new(child.0.stderr.take().unwrap()).lines();
    let mut ids = lines
        .map_while(Result::ok)
        .filter_map(|line| Some(line.strip_prefix("answered ")?.strip_suffix('.')?.to_owned()));
    let mut answered: Vec<_> = ids.by_ref().take(enough).collect();
    assert_eq!(answered.len(), enough, "the child has ended by itself");
    assert!(matches!(Sqlite::open(path, SCHEMA, system_clock()), Err(Error::Locked(_))));
    child.0.kill().unwrap();
    child.0.wait().unwrap();
    // What it had printed until then counts, too.
    answered.extend(ids);
    answered
}

/// A child that does not outlive the test.
struct Killed(Child);

impl Drop for Killed {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "the child of what_was_answered_survives_a_kill"]
async fn commits_until_killed() {
    let (Some(path), Some(round)) = (std::env::var_os(FILE), std::env::var_os(ROUND)) else { return };
    let round = round.into_string().unwrap();
    let store = Arc::new(Sqlite::open(Path::new(&path), SCHEMA, system_clock()).unwrap());
    let deadline = Instant::now() + Duration::from_secs(60);
    let tasks = (0..8).map(|task| {
        let (store, round) = (Arc::clone(&store), round.clone());
        tokio::spawn(async move {
            for n in 0.. {
                assert!(Instant::now() < deadline, "nobody kills me");
                let id = format!("{round}-{task}-{n}");
                let write = put(&id, Precondition::Absent, json!({ "name": id }));
                done(store.commit(vec![write]).await.unwrap());
                // One write, so that lines of several tasks do not mix.
                std::io::stderr().write_all(format!("answered {id}.\n").as_bytes()).unwrap();
            }
        })
    });
    for task in tasks.collect::<Vec<_>>() {
        task.await.unwrap();
    }
}
