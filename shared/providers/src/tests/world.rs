//! The service over its scripted surroundings.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
    time::Duration,
};

use chassis::{Context, Link};
use jiff::{SignedDuration, Timestamp};
use proto::common::v1::{
    InboxMessage, ListInboxRequest, ReceiveWebhookRequest, ReceiveWebhookResponse, ReconcileRequest,
    ReconcileResponse, TickRequest, TickResponse, backup_service_client::BackupServiceClient,
    operations_service_client::OperationsServiceClient,
    reconciliation_service_client::ReconciliationServiceClient, webhook_service_client::WebhookServiceClient,
};
use store::{Clock, Store, Work, queue::Worker, sqlite::Sqlite};
use tempfile::TempDir;
use tokio::task::JoinHandle;
use tonic::Status;

use super::{
    SCHEMA,
    books::Books,
    provider::{Scripted, Shelf, World},
};
use crate::{
    books::{self, Settings, TELLINGS, Teller, Telling},
    duty::Duty,
    system::System,
    webhooks::Providers,
};

/// A running service.
pub(super) struct Service {
    pub(super) world: Arc<World>,
    pub(super) books: Books,
    pub(super) store: Arc<dyn Store>,
    pub(super) webhooks: WebhookServiceClient<Link>,
    pub(super) operations: OperationsServiceClient<Link>,
    pub(super) reconciliation: ReconciliationServiceClient<Link>,
    pub(super) backup: BackupServiceClient<Link>,
    setup: Setup,
    tellings: Worker<Telling>,
    serving: JoinHandle<()>,
    ctx: Context,
}

/// What outlives a process.
#[derive(Clone)]
pub(super) struct Setup {
    pub(super) world: Arc<World>,
    pub(super) books: Books,
    pub(super) addr: String,
    pub(super) dir: Arc<TempDir>,
    pub(super) ahead: Arc<Mutex<SignedDuration>>,
    /// Nothing runs between requests.
    pub(super) cloud: bool,
    /// There is a second sheets-writer, for what is invented.
    pub(super) sandbox: Option<String>,
    /// What else there is to do, after the inbox and before the tellings.
    pub(super) duties: Vec<Arc<dyn Duty>>,
}

// === impl Setup ===

impl Setup {
    pub(super) async fn new() -> Self {
        let books = Books::default();
        Self {
            world: Arc::default(),
            addr: books.serve().await,
            books,
            dir: Arc::new(tempfile::tempdir().unwrap()),
            ahead: Arc::default(),
            cloud: false,
            sandbox: None,
            duties: Vec::new(),
        }
    }

    fn settings(&self) -> Settings {
        let url = |text: &String| text.parse().unwrap();
        Settings {
            sheets_writer_addr: url(&self.addr),
            sandbox_ledger_addr: self.sandbox.as_ref().map(url),
            chat_agent_addr: None,
        }
    }

    pub(super) async fn start(self) -> Service {
        let ahead = self.ahead.clone();
        let clock: Clock = Arc::new(move || Timestamp::now() + *ahead.lock().unwrap());
        let store = open(&self.dir, &clock).await;
        let ctx = Context::new("providers", self.cloud);
        let teller = Teller::new(&self.settings(), Arc::new(Shelf(store.clone()))).unwrap();
        let tellings = Worker::new(&TELLINGS, store.clone(), clock.clone(), Arc::new(teller));
        let scripted = Scripted {
            world: self.world.clone(),
            store: store.clone(),
            clock: clock.clone(),
            tellings: tellings.clone(),
        };
        let system = System {
            ctx: ctx.clone(),
            store: store.clone(),
            clock,
            schema: SCHEMA,
            tellings: tellings.clone(),
            providers: Providers::new(vec![Arc::new(scripted)]),
            duties: self.duties.clone(),
            forgets: Vec::new(),
        };
        let grpc = system.open();
        let listener = chassis::bind([127, 0, 0, 1].into(), 0).await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap()).parse().unwrap();
        // Nothing is waited for at the end.
        let serving = chassis::server::serve_within(listener, grpc.into(), ctx.clone(), Duration::ZERO);
        let serving = tokio::spawn(async move {
            serving.await;
        });
        let link = Link::new(&url).unwrap().with_default_deadline(Duration::from_secs(30));
        Service {
            world: self.world.clone(),
            books: self.books.clone(),
            store,
            webhooks: WebhookServiceClient::new(link.clone()),
            operations: OperationsServiceClient::new(link.clone()),
            reconciliation: ReconciliationServiceClient::new(link.clone()),
            backup: BackupServiceClient::new(link),
            setup: self,
            tellings,
            serving,
            ctx,
        }
    }
}

// === impl Service ===

impl Service {
    pub(super) async fn start() -> Self {
        Setup::new().await.start().await
    }

    /// One in which nothing runs between requests: a test sees what each call does.
    pub(super) async fn in_cloud() -> Self {
        Setup { cloud: true, ..Setup::new().await }.start().await
    }

    pub(super) fn pass(&self, seconds: i64) {
        *self.setup.ahead.lock().unwrap() += SignedDuration::from_secs(seconds);
    }

    /// Ends everything at once, as a kill does, and starts again over the same files.
    pub(super) async fn kill(self) -> Self {
        let Self { setup, serving, ctx, store, tellings, .. } = self;
        ctx.shutdown.cancel();
        serving.await.unwrap();
        drop((store, tellings));
        setup.start().await
    }

    pub(super) async fn deliver(&self, body: &str) -> Result<ReceiveWebhookResponse, Status> {
        self.deliver_as("scripted", "right", body.as_bytes()).await
    }

    pub(super) async fn deliver_as(
        &self,
        provider: &str,
        signature: &str,
        body: &[u8],
    ) -> Result<ReceiveWebhookResponse, Status> {
        let request = ReceiveWebhookRequest {
            provider: provider.to_owned(),
            headers: HashMap::from([("x-signature".to_owned(), signature.to_owned())]),
            body: body.to_vec().into(),
            ..Default::default()
        };
        self.webhooks.clone().receive_webhook(request).await.map(|answer| answer.into_inner())
    }

    pub(super) async fn tick(&self) -> TickResponse {
        self.operations.clone().tick(TickRequest {}).await.unwrap().into_inner()
    }

    /// Ticks every minute for a while.
    pub(super) async fn minutes(&self, minutes: usize) {
        for _ in 0..minutes {
            self.tick().await;
            self.pass(60);
        }
    }

    pub(super) async fn inbox(&self, state: i32) -> Vec<InboxMessage> {
        let request = ListInboxRequest { state, ..Default::default() };
        self.operations.clone().list_inbox(request).await.unwrap().into_inner().messages
    }

    pub(super) async fn reconcile(&self, request: ReconcileRequest) -> Result<ReconcileResponse, Status> {
        self.reconciliation.clone().reconcile(request).await.map(|answer| answer.into_inner())
    }

    /// Tells something as a part of the service would.
    pub(super) async fn tell(&self, telling: Telling) {
        let now = Timestamp::now() + *self.setup.ahead.lock().unwrap();
        self.tell_at(telling, now).await;
    }

    pub(super) async fn tell_at(&self, telling: Telling, at: Timestamp) {
        let mut work = Work::new(&*self.store);
        books::tell(&mut work, &telling, at).await.unwrap();
        assert!(matches!(work.commit().await.unwrap(), store::Commit::Done(_)));
        self.tellings.wake();
    }

    /// What the books were told, sorted, once they were told so much. A clock that jumps makes claims lapse, so that
    /// something may be told twice, under the same version.
    pub(super) async fn told(&self, number: usize) -> Vec<String> {
        self.until("the rows", |service| service.books.told().len() >= number).await;
        let mut told = self.books.told();
        told.sort();
        told.dedup();
        told
    }

    /// Waits until it is so.
    pub(super) async fn until(&self, what: &str, mut is_so: impl FnMut(&Self) -> bool) {
        let wait = async {
            while !is_so(self) {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(20), wait).await.expect(what);
    }
}

/// The store, once whoever had it is gone.
async fn open(dir: &TempDir, clock: &Clock) -> Arc<dyn Store> {
    let wait = async {
        loop {
            match Sqlite::open(&dir.path().join("it.db"), SCHEMA, clock.clone()) {
                Err(store::Error::Locked(_)) => tokio::time::sleep(Duration::from_millis(5)).await,
                opened => return Arc::new(opened.unwrap()),
            }
        }
    };
    tokio::time::timeout(Duration::from_secs(20), wait).await.expect("the store is free")
}
