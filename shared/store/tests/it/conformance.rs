//! What the trait promises, case by case, for any engine.
//!
//! An engine supplies [`Engine`] and gets one test per case from `conformance!(engine)`. Each case has an empty store
//! of its own and a clock that stands still.

pub(crate) mod commits;
pub(crate) mod documents;
pub(crate) mod expiry;
pub(crate) mod paging;
pub(crate) mod queries;
pub(crate) mod queues;
pub(crate) mod races;
pub(crate) mod scans;
pub(crate) mod works;

use std::{
    any::Any,
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};

use jiff::Timestamp;
use serde_json::Value;
use store::{
    Clock, Commit, Document, Error, Index, Key, Op, Page, Precondition, Query, Schema, Store, Version, Write,
    inbox::{INBOX, NEWEST},
};

/// Longest time that a case may take.
const LIMIT: Duration = Duration::from_secs(60);

pub(crate) static BY_AGE: Index =
    Index { collection: "people", name: "by_age", fields: &["age"], orders: store::BOTH };
pub(crate) static BY_TOWN_AGE: Index =
    Index { collection: "people", name: "by_town_age", fields: &["town", "age"], orders: store::BOTH };
pub(crate) static ALL: Index =
    Index { collection: "people", name: "everyone", fields: &[], orders: store::BOTH };

/// What every case declares.
pub(crate) const SCHEMA: Schema =
    Schema { version: 1, indexes: INDEXES, expiring: &["people", INBOX.collection()] };
const INDEXES: &[&Index] = &[&BY_AGE, &BY_TOWN_AGE, &ALL, INBOX.index(), &NEWEST];

/// Makes empty stores.
pub(crate) trait Engine {
    /// An empty store, and what has to live as long.
    fn fresh(
        self,
        schema: Schema,
        clock: Clock,
    ) -> impl Future<Output = (Arc<dyn Store>, Box<dyn Any + Send>)>;
}

/// What a case plays on.
pub(crate) struct Stage {
    pub(crate) store: Arc<dyn Store>,
    now: Arc<AtomicI64>,
    _kept: Box<dyn Any + Send>,
}

/// Plays one case on a fresh store of an engine.
pub(crate) async fn play<F: Future<Output = ()>>(engine: impl Engine, case: impl FnOnce(Stage) -> F) {
    let now = Arc::new(AtomicI64::new(1_700_000_000_000));
    let (store, kept) = engine.fresh(SCHEMA, clock(&now)).await;
    let stage = Stage { store, now, _kept: kept };
    tokio::time::timeout(LIMIT, case(stage)).await.expect("the case takes too long");
}

/// A clock that shows what `now` holds, in milliseconds.
pub(crate) fn clock(now: &Arc<AtomicI64>) -> Clock {
    let now = Arc::clone(now);
    Arc::new(move || Timestamp::from_millisecond(now.load(Ordering::SeqCst)).unwrap())
}

// === impl Stage ===

impl Stage {
    pub(crate) fn in_seconds(&self, seconds: i64) -> Timestamp {
        Timestamp::from_millisecond(self.now.load(Ordering::SeqCst) + seconds * 1_000).unwrap()
    }

    pub(crate) fn pass_seconds(&self, seconds: i64) {
        self.now.fetch_add(seconds * 1_000, Ordering::SeqCst);
    }

    /// The store's clock.
    pub(crate) fn clock(&self) -> Clock {
        clock(&self.now)
    }

    pub(crate) async fn get(&self, id: &str) -> Option<Document> {
        self.store.get(&person(id)).await.unwrap()
    }

    /// The body of a document that is there.
    pub(crate) async fn body(&self, id: &str) -> Value {
        self.get(id).await.unwrap().body
    }

    pub(crate) async fn commit(&self, writes: impl IntoIterator<Item = Write>) -> Commit {
        self.store.commit(writes.into_iter().collect()).await.unwrap()
    }

    /// Makes a document, whatever was there.
    pub(crate) async fn put(&self, id: &str, body: Value) -> Version {
        done(self.commit([put(id, Precondition::Any, body)]).await)
    }

    pub(crate) async fn remove(&self, id: &str) {
        done(self.commit([delete(id, Precondition::Exists)]).await);
    }

    /// The ids that a query finds on its first page.
    pub(crate) async fn find(&self, query: Query) -> Vec<String> {
        ids(&self.store.query(query).await.unwrap())
    }
}

// === words of the cases ===

pub(crate) fn person(id: &str) -> Key {
    Key { collection: "people", id: id.into() }
}

pub(crate) fn put(id: &str, precondition: Precondition, body: Value) -> Write {
    Write { key: person(id), precondition, op: Op::Put { body, expires_at: None } }
}

pub(crate) fn put_until(id: &str, precondition: Precondition, body: Value, at: Timestamp) -> Write {
    Write { key: person(id), precondition, op: Op::Put { body, expires_at: Some(at) } }
}

pub(crate) fn delete(id: &str, precondition: Precondition) -> Write {
    Write { key: person(id), precondition, op: Op::Delete }
}

pub(crate) fn done(commit: Commit) -> Version {
    match commit {
        Commit::Done(version) => version,
        other => panic!("the commit ended as {other:?}"),
    }
}

pub(crate) fn ids(page: &Page) -> Vec<String> {
    page.documents.iter().map(|document| document.id.clone()).collect()
}

#[track_caller]
pub(crate) fn assert_invalid<T: std::fmt::Debug>(answer: Result<T, Error>) {
    assert!(matches!(answer, Err(Error::Invalid(_))), "{answer:?}");
}

/// One test per case for an engine, with the attributes in the brackets.
macro_rules! conformance {
    ($attributes:tt $engine:expr) => {
        $crate::conformance::tests! { $attributes $engine;
            documents {
                what_was_never_written_is_absent,
                a_document_is_read_as_it_was_written,
                a_big_document_is_kept,
                collections_do_not_share,
                get_many_answers_in_the_order_of_its_keys,
                get_many_sees_one_moment,
                a_key_that_is_none_is_refused,
                a_body_that_is_no_document_of_the_collection_is_corrupt,
            }
            commits {
                a_document_is_created_once,
                any_overwrites,
                exists_wants_a_document,
                a_version_is_good_for_one_change,
                a_version_does_not_outlive_its_document,
                every_commit_has_a_version_of_its_own,
                one_conflict_stops_every_write,
                a_document_is_deleted,
                deleting_what_is_absent,
                a_key_that_stands_twice_is_invalid,
                a_body_that_is_no_object_is_invalid,
                a_body_that_is_too_big_is_invalid,
                a_body_that_is_too_deep_is_invalid,
            }
            expiry {
                what_has_expired_is_not_read,
                what_has_expired_is_not_found,
                what_has_expired_is_absent_for_a_commit,
                a_new_body_has_a_new_expiry,
            }
            queries {
                one_field_equals,
                two_fields_equal,
                ranges_of_every_kind,
                descending_is_the_reverse,
                types_never_mix,
                strings_compare_by_bytes,
                a_document_without_the_field_is_left_out,
                an_index_follows_its_documents,
                an_empty_collection_finds_nothing,
                an_index_without_fields_finds_everything,
                an_undeclared_index_is_invalid,
                a_query_that_breaks_a_rule_is_invalid,
            }
            paging {
                pages_visit_everything_once,
                pages_of_equal_values_go_by_id,
                pages_stay_true_while_documents_come_and_go,
                a_full_last_page_has_no_next,
                a_foreign_cursor_is_invalid,
            }
            races {
                increments_are_never_lost,
                one_of_many_creates,
            }
            queues {
                what_many_deliver_at_once_is_taken_once_and_done_once,
                what_fails_waits_and_what_is_hopeless_is_parked,
                the_inbox_is_listed_by_age_and_state,
            }
            scans {
                a_scan_of_nothing_is_empty,
                a_scan_shows_everything_once_as_it_was_written,
                a_scan_leaves_out_what_has_expired,
                a_long_scan_comes_in_pages,
                a_scan_is_of_one_moment,
                a_backup_is_put_into_an_empty_store,
                each_restore_has_a_name_of_its_own,
                a_restore_goes_on_where_it_was_interrupted,
                a_restore_changes_nothing_of_others,
            }
            works {
                a_work_sees_its_own_writes,
                a_work_that_conflicts_is_done_again,
                a_work_does_not_write_what_it_has_not_read,
                a_work_creates_only_what_is_new,
                attempts_are_counted,
                a_work_that_is_dropped_writes_nothing,
                a_work_prefetches,
                an_empty_work_is_done,
            }
        }
    };
}

macro_rules! tests {
    ($attributes:tt $engine:expr; $($group:ident { $($case:ident,)* })*) => {
        $(mod $group {
            $($crate::conformance::test! { $attributes $engine, $group, $case })*
        })*
    };
}

macro_rules! test {
    ([$(#[$attribute:meta])*] $engine:expr, $group:ident, $case:ident) => {
        #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
        $(#[$attribute])*
        async fn $case() {
            $crate::conformance::play($engine, $crate::conformance::$group::$case).await;
        }
    };
}

pub(crate) use {conformance, test, tests};
