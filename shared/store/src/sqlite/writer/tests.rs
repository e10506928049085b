//! Groups, and how they fail.

use super::*;
use crate::{Schema, sqlite::file::Lock, system_clock};

/// A writer without its thread, whose every group is what the test says.
struct Alone {
    desk: Desk,
    _lock: Lock,
    _directory: tempfile::TempDir,
}

impl Alone {
    fn new() -> Self {
        let directory = tempfile::TempDir::new().unwrap();
        let path = directory.path().join("it.db");
        let lock = Lock::take(&path).unwrap();
        let (connection, version) =
            file::open(&path, &Schema { version: 1, indexes: &[], expiring: &[] }).unwrap();
        let desk = Desk { connection, clock: system_clock(), version, tables: HashSet::new(), written: None };
        let mut alone = Self { desk, _lock: lock, _directory: directory };
        assert!(matches!(alone.serve(&["first"])[..], [Ok(Commit::Done(_))]));
        alone
    }

    /// Creates documents, all in one group.
    fn serve(&mut self, ids: &[&str]) -> Vec<Answer> {
        let (group, answers): (Vec<_>, Vec<_>) = ids
            .iter()
            .map(|id| {
                let (answer, outcome) = oneshot::channel();
                let key = Key { collection: "things", id: (*id).into() };
                let action = Action::Put { body: "{}".into(), expires_at: None };
                let change = Change { key, precondition: Precondition::Absent, action };
                (Job { changes: vec![change], answer }, outcome)
            })
            .unzip();
        self.desk.serve(group);
        answers.into_iter().map(|mut outcome| outcome.try_recv().unwrap()).collect()
    }

    fn ids(&self) -> Vec<String> {
        let mut statement = self.desk.connection.prepare("SELECT id FROM doc_things").unwrap();
        statement.query_map([], |row| row.get(0)).unwrap().collect::<Result<_, _>>().unwrap()
    }

    fn spoil(&self, sql: &str) {
        self.desk.connection.execute_batch(sql).unwrap();
    }
}

#[test]
fn a_group_is_one_transaction_and_its_conflicts_change_nothing() {
    let mut alone = Alone::new();
    let before = alone.desk.version;
    let answers = alone.serve(&["a", "first", "b", "a"]);
    let [Ok(Commit::Done(a)), Ok(Commit::Conflict), Ok(Commit::Done(b)), Ok(Commit::Conflict)] = answers[..]
    else {
        panic!("{answers:?}")
    };
    assert_eq!([a, b], [before + 1, before + 2].map(|version| Version(version.into())));
    assert_eq!(alone.ids(), ["a", "b", "first"]);
}

#[test]
fn one_that_fails_does_not_take_its_group_with_it() {
    let mut alone = Alone::new();
    alone.spoil(
        "CREATE TEMP TRIGGER t BEFORE INSERT ON doc_things WHEN new.id = 'bad'
         BEGIN SELECT RAISE(ROLLBACK, 'the disk fails'); END",
    );
    let answers = alone.serve(&["a", "bad", "b"]);
    assert!(
        matches!(answers[..], [Ok(Commit::Done(_)), Err(Error::Unavailable(_)), Ok(Commit::Done(_))]),
        "{answers:?}"
    );
    assert_eq!(alone.ids(), ["a", "b", "first"]);
}

#[test]
fn a_disk_that_is_full_stops_the_writer_until_there_is_room() {
    let mut alone = Alone::new();
    let pages: i64 = alone.desk.connection.query_row("PRAGMA page_count", [], |row| row.get(0)).unwrap();
    alone.spoil(&format!("PRAGMA max_page_count = {pages}"));
    let ids: Vec<_> = (0..200).map(|n| format!("{n:0200}")).collect();
    let ids: Vec<_> = ids.iter().map(String::as_str).collect();
    let mut kept = vec!["first".to_owned()];
    for (id, answer) in ids.iter().zip(alone.serve(&ids)) {
        match answer {
            Ok(Commit::Done(_)) => kept.push((*id).to_owned()),
            Err(Error::Unavailable(_)) => {}
            other => panic!("{other:?}"),
        }
    }
    kept.sort();
    assert!(kept.len() < 200, "nothing has failed");
    assert_eq!(alone.ids(), kept);
    alone.spoil("PRAGMA max_page_count = 4294967294");
    assert!(matches!(alone.serve(&["z"])[..], [Ok(Commit::Done(_))]));
}

#[test]
fn a_commit_that_fails_at_its_end_did_not_happen() {
    let mut alone = Alone::new();
    // A deferred constraint is looked at by COMMIT.
    alone.spoil(
        "CREATE TABLE child (of TEXT REFERENCES doc_things (id) DEFERRABLE INITIALLY DEFERRED);
         CREATE TRIGGER t AFTER INSERT ON doc_things WHEN new.id = 'bad'
         BEGIN INSERT INTO child VALUES ('nobody'); END",
    );
    let before = alone.desk.version;
    let answers = alone.serve(&["a", "bad", "first"]);
    assert!(answers.iter().all(|answer| matches!(answer, Err(Error::Unavailable(_)))), "{answers:?}");
    assert_eq!(alone.ids(), ["first"]);
    // The versions of what did not happen are not given again.
    let answers = alone.serve(&["a"]);
    assert!(
        matches!(answers[..], [Ok(Commit::Done(Version(given)))] if given > u128::from(before) + 2),
        "{answers:?}"
    );
}

#[test]
fn a_table_that_was_rolled_back_is_made_again() {
    let mut alone = Alone::new();
    alone.spoil("DROP TABLE doc_things");
    alone.desk.tables.clear();
    alone.spoil("CREATE TEMP TRIGGER t BEFORE UPDATE ON meta BEGIN SELECT RAISE(ROLLBACK, 'x'); END");
    assert!(matches!(alone.serve(&["a"])[..], [Err(Error::Unavailable(_))]));
    alone.spoil("DROP TRIGGER t");
    assert!(matches!(alone.serve(&["a"])[..], [Ok(Commit::Done(_))]));
    assert_eq!(alone.ids(), ["a"]);
}

fn scrub(desk: &mut Desk, waits: bool) {
    let (orders, waiting) = mpsc::channel();
    drop(orders);
    let (answer, mut outcome) = oneshot::channel();
    if !waits {
        outcome.close();
    }
    desk.take(Order::Scrub(answer), &waiting);
    assert!(!waits || matches!(outcome.try_recv(), Ok(Ok(()))));
}

/// What SQLite counts up at every `VACUUM`, whoever asks for it.
fn vacuums(desk: &Desk) -> i64 {
    desk.connection.query_row("PRAGMA schema_version", [], |row| row.get(0)).unwrap()
}

#[test]
fn the_file_is_written_anew_when_somebody_waits_for_it_and_it_has_changed() {
    let mut alone = Alone::new();
    let before = vacuums(&alone.desk);
    scrub(&mut alone.desk, false);
    assert_eq!(vacuums(&alone.desk), before, "nobody waits");
    scrub(&mut alone.desk, true);
    scrub(&mut alone.desk, true);
    assert_eq!(vacuums(&alone.desk), before + 1);
    assert!(matches!(alone.serve(&["a"])[..], [Ok(Commit::Done(_))]));
    scrub(&mut alone.desk, true);
    assert_eq!(vacuums(&alone.desk), before + 2);
}
