//! A turn for unit tests of whoever answers turns: a real store, a listener in the test's hands.

use std::{collections::BTreeMap, sync::Arc};

use domain::workflow::{DEFAULT, Registry};
use futures_util::StreamExt as _;
use proto::common::v1::Caller;
use store::system_clock;
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;

use super::{Hearing, Input, Listener, Session, Slots, Turn};
use crate::{
    hand_off::Standing,
    protocol::{Event, Item, Status, Thread},
    threads::{Edit, Owner, SCHEMA, Threads},
};

/// A turn and the one who listens to it.
pub(crate) struct Scene {
    /// The turn.
    pub(crate) turn: Turn,
    /// Cancel it and the process leaves.
    pub(crate) leaving: CancellationToken,
    hearing: Option<Hearing>,
    _dir: TempDir,
}

impl Scene {
    /// A turn of the default workflow on a new thread `thr_test` that has these items already.
    pub(crate) async fn new(input: Input, history: Vec<Item>) -> Self {
        let registry = Registry::built_in();
        let workflow = registry.iter().find(|workflow| workflow.slug == DEFAULT).expect("the default");
        Self::of(workflow.clone(), input, history).await
    }

    /// A turn of this workflow.
    pub(crate) async fn of(workflow: domain::workflow::Workflow, input: Input, history: Vec<Item>) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let store = store::Config::at(store::Location::Sqlite(dir.path().to_owned()));
        let store = store.open(crate::NAME, SCHEMA, system_clock()).unwrap();
        let threads = Threads::new(store, system_clock());
        let visitor_id: domain::id::VisitorId = "vis_00000000000000000000000000000001".parse().unwrap();
        let caller = Caller {
            visitor_id: visitor_id.as_str().to_owned(),
            workflow: workflow.slug.clone(),
            session_id: "ses_test".into(),
            site: "www.example.com".into(),
            ..Default::default()
        };
        let owner = Owner { visitor: visitor_id.clone(), workflow: workflow.slug.clone() };
        let thread = Thread {
            title: None,
            id: "thr_test".into(),
            created_at: threads.now(),
            status: Status::Active,
            metadata: BTreeMap::<String, _>::new().into_iter().collect(),
        };
        let edits = history.into_iter().map(Edit::Put).collect();
        let record = threads.create(&owner, thread, edits).await.unwrap();
        let workflow = Arc::new(workflow);
        let session =
            Session { caller, visitor_id, workflow, session_id: "ses_test".into(), locale: "en".into() };
        let (listener, hearing) = Listener::pair(1_000);
        let leaving = CancellationToken::new();
        let kept = (threads, Slots::default());
        let turn = Turn::new(input, record.thread, session, kept, listener, leaving.clone());
        Self { turn, leaving, hearing: Some(hearing), _dir: dir }
    }

    /// The threads among which that of the turn is.
    pub(crate) fn threads(&self) -> Threads {
        self.turn.threads.clone()
    }

    /// The turn as it begins once the thread stands otherwise with people.
    pub(crate) async fn stand(self, change: impl Fn(&mut Standing) -> Vec<Item> + Send + Sync) -> Self {
        let stood = self.threads().stand(None, &self.turn.thread.id, change).await.unwrap().unwrap();
        let Self { turn, leaving, hearing, _dir } = self;
        Self { turn: turn.on(&stood.record.standing), leaving, hearing, _dir }
    }

    /// The listener goes.
    pub(crate) fn leave(&mut self) {
        self.hearing = None;
    }

    /// What the listener has heard up to now.
    pub(crate) fn heard(&mut self) -> Vec<Event> {
        let Some(hearing) = &mut self.hearing else { return Vec::new() };
        std::iter::from_fn(|| futures_util::FutureExt::now_or_never(hearing.next()).flatten()).collect()
    }
}
