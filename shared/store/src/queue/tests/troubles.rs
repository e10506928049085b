//! Jobs that cannot be read or claimed, among others that can.

use std::sync::{Arc, Mutex};

use serde_json::{Value, json};

use super::bench::Bench;
use crate::{
    Collection, Commit, Document, Error, Key, Page, Precondition, Query, Store, Write, queue::State,
};

/// A store that cannot commit what touches one document.
struct Stubborn {
    inner: Arc<dyn Store>,
    id: Arc<Mutex<Option<&'static str>>>,
}

#[async_trait::async_trait]
impl Store for Stubborn {
    async fn get(&self, key: &Key) -> Result<Option<Document>, Error> {
        self.inner.get(key).await
    }

    async fn get_many(&self, keys: &[Key]) -> Result<Vec<Option<Document>>, Error> {
        self.inner.get_many(keys).await
    }

    async fn commit(&self, writes: Vec<Write>) -> Result<Commit, Error> {
        let id = *self.id.lock().unwrap();
        if writes.iter().any(|write| Some(write.key.id.as_str()) == id) {
            return Err(Error::Unavailable("scripted".into()));
        }
        self.inner.commit(writes).await
    }

    async fn query(&self, query: Query) -> Result<Page, Error> {
        self.inner.query(query).await
    }

    fn is_shared(&self) -> bool {
        self.inner.is_shared()
    }
}

/// Puts a document that is due and no job.
async fn put_rubbish(bench: &Bench, id: &str) {
    let documents = Collection::<Value>::new(bench.queue.collection());
    let body = json!({"state": State::Waiting, "due_at": 0, "payload": "ann@canary.example"});
    let write = documents.put(id, &body, Precondition::Any);
    assert!(matches!(bench.store.commit(vec![write]).await.unwrap(), Commit::Done(_)));
}

#[tokio::test]
async fn documents_that_are_no_jobs_keep_nobody_waiting_however_many_they_are() {
    let bench = Bench::new();
    for number in 0..25 {
        put_rubbish(&bench, &format!("rubbish-{number}")).await;
    }
    bench.put("a", "1").await;
    bench.put("b", "1").await;
    let ticked = bench.worker().tick(100).await.unwrap();
    assert_eq!((ticked.done.get("jobs"), ticked.more), (Some(&2), false));
    assert_eq!(bench.begun(), ["a 1", "b 1"]);
}

#[tokio::test]
async fn a_job_that_cannot_be_claimed_holds_up_none_of_its_siblings() {
    let mut bench = Bench::new();
    for id in ["a", "b", "c"] {
        bench.put(id, "1").await;
    }
    let stubborn = Arc::new(Mutex::new(Some("b")));
    bench.store = Arc::new(Stubborn { inner: bench.store.clone(), id: stubborn.clone() });
    assert!(bench.worker().tick(100).await.is_err(), "what cannot be claimed is told");
    assert_eq!(bench.begun(), ["a 1", "c 1"]);
    assert!(bench.job("a").await.is_none() && bench.job("c").await.is_none());
    *stubborn.lock().unwrap() = None;
    assert_eq!(bench.tick().await, 1);
    assert_eq!(bench.begun(), ["a 1", "c 1", "b 1"]);
}
