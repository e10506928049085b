//! What is done by the clock, and what is woken after a restore.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use chassis::Ticked;
use domain::{Fault, Kind, Reason};
use proto::common::v1::{Document, ImportRequest, TickRequest};
use store::queue::Trouble;
use tonic::Code;

use super::SCHEMA;
use super::world::{Service, Setup};
use crate::{books::TELLINGS, duty::Duty, error::Error};

/// A duty that counts, and fails if it is to.
#[derive(Default)]
struct Scripted {
    fails: bool,
    ticks: AtomicUsize,
    woken: AtomicUsize,
}

#[async_trait::async_trait]
impl Duty for Scripted {
    fn name(&self) -> &'static str {
        "scripted"
    }

    async fn tick(&self) -> Result<Ticked, Error> {
        self.ticks.fetch_add(1, Ordering::SeqCst);
        if self.fails {
            return Err(Fault::new(Kind::Unavailable, Reason::StoreUnavailable, "scripted").into());
        }
        Ok(Ticked::default())
    }

    fn wake(&self) {
        self.woken.fetch_add(1, Ordering::SeqCst);
    }
}

async fn with(duties: Vec<Arc<dyn Duty>>, cloud: bool) -> Service {
    Setup { cloud, duties, ..Setup::new().await }.start().await
}

#[tokio::test]
async fn a_duty_that_fails_keeps_no_other_from_being_done() {
    let (broken, sound) =
        (Arc::new(Scripted { fails: true, ..Default::default() }), Arc::<Scripted>::default());
    let service = with(vec![broken.clone(), sound.clone()], true).await;
    service.world.fails(Some(Trouble::new("away")));
    service.deliver(&service.world.change("one").1).await.unwrap();
    service.world.fails(None);
    service.pass(2);
    let status = service.operations.clone().tick(TickRequest {}).await.unwrap_err();
    assert_eq!(status.code(), Code::Unavailable, "whoever keeps the time sees it");
    assert_eq!((broken.ticks.load(Ordering::SeqCst), sound.ticks.load(Ordering::SeqCst)), (1, 1));
    assert_eq!(service.world.looks.lock().unwrap().len(), 1);
    // What comes before it and what comes after it.
    assert_eq!(*service.world.followed.lock().unwrap(), ["one-1", "one-1"]);
    assert_eq!(service.told(1).await, ["booking one 1"]);
}

#[tokio::test]
async fn whatever_waits_is_woken_after_a_restore() {
    let duty = Arc::<Scripted>::default();
    let service = with(vec![duty.clone()], false).await;
    // Once it was told something, its task waits for half a minute or to be woken.
    service.tell(crate::books::Telling::Payment("pi_1".into())).await;
    service.until("the first row", |service| service.books.told().len() == 1).await;
    let job = serde_json::json!({"state": "waiting", "due_at": 0, "came_at": 0, "since": 0, "tries": 0,
        "failures": 0, "payload": {"payment": "pi_2"}});
    let document = Document {
        collection: TELLINGS.collection().into(),
        document_id: "restored".into(),
        expire_time: None,
        body: job.to_string(),
    };
    let request = ImportRequest {
        backup_id: "bak_1".into(),
        schema_version: SCHEMA.version,
        documents: vec![document],
        last: true,
        check: false,
    };
    let answer = loop {
        // What was told is removed only afterwards, and a store must be empty for a restore.
        match service.backup.clone().import(futures_util::stream::iter([request.clone()])).await {
            Err(status) if status.code() == Code::FailedPrecondition => tokio::task::yield_now().await,
            answer => break answer.unwrap().into_inner(),
        }
    };
    assert!(answer.done && answer.written == 1, "{answer:?}");
    assert_eq!(duty.woken.load(Ordering::SeqCst), 1);
    let row = service.until("the row", |service| service.books.told() == ["payment pi_1", "payment pi_2"]);
    tokio::time::timeout(Duration::from_secs(20), row).await.unwrap();
}
