//! A till whose time the test moves, between the books and the gateway, which are processes of their own.
//!
//! The invariant: a second of the till passes when the test says so, and then all that is due in it is done; what the
//! providers were asked is known by the second in which they were.

use std::{
    net::{Ipv4Addr, SocketAddr},
    sync::{
        Arc,
        atomic::{AtomicI64, AtomicUsize, Ordering::SeqCst},
    },
};

use chassis::{Context, Link};
use jiff::{SignedDuration, Timestamp};
use proto::{
    booking::v1::{CreateCheckoutRequest, payment_service_client::PaymentServiceClient},
    common::v1::{
        InboxState, ListInboxRequest, TickRequest, operations_service_client::OperationsServiceClient,
    },
    sheets::v1::{GetLedgerStatusRequest, ledger_service_client::LedgerServiceClient},
};
use sandbox::Sandbox;
use store::{Clock, Commit, Document, Error, Key, Page, Query, Store, Write};
use tempfile::TempDir;
use tokio::{net::TcpListener, task::JoinHandle};
use tokio_util::sync::DropGuard;
use url::Url;

use super::super::{
    scripts::SENDERS,
    sheet::{self, Sheet},
};
use crate::{
    processes::{
        child::{Process, host},
        fleet::{self, start, till_vars},
    },
    world::{PATIENCE, until, vars},
};

/// A provider was asked.
#[derive(Clone, Debug)]
pub(super) struct Call {
    /// In which second of the till.
    pub(super) second: i64,
    pub(super) path: String,
}

pub(super) struct Trade {
    pub(super) sandbox: Sandbox,
    /// What the providers were asked so far.
    pub(super) calls: Vec<Call>,
    base: String,
    dir: TempDir,
    writer: Process,
    books: SocketAddr,
    /// How many seconds of the till have passed.
    ahead: Arc<AtomicI64>,
    till: Link,
    _till: DropGuard,
    _gateway: Process,
}

/// A door behind which nobody is, and how often somebody knocked.
pub(super) struct Closed {
    knocks: Arc<AtomicUsize>,
    task: JoinHandle<()>,
}

// === impl Trade ===

impl Trade {
    pub(super) async fn open() -> Self {
        let sandbox = Sandbox::open(None).unwrap();
        let base = host(sandbox.providers()).await;
        let dir = tempfile::tempdir().unwrap();
        let mut writer = fleet::writer(dir.path(), &base, 0);
        let books = writer.address("sheets-writer").await;
        let ahead = Arc::<AtomicI64>::default();
        let seconds = ahead.clone();
        let clock: Clock =
            Arc::new(move || Timestamp::now() + SignedDuration::from_secs(seconds.load(SeqCst)));
        let (address, _till) = serve_till(&dir, &base, &url(books), clock).await;
        let inward = [("SHEETS_WRITER_ADDR", url(books)), ("BOOKING_PAYMENTS_ADDR", url(address))];
        let inward = inward.each_ref().map(|(name, url)| (*name, url.as_str()));
        let mut gateway = start("gateway", dir.path(), 0, &inward);
        fleet::aim_webhooks(&sandbox, &url(gateway.address("gateway").await));
        let mut trade = Self {
            sandbox,
            calls: Vec::new(),
            base,
            dir,
            writer,
            books,
            ahead,
            till: link(address),
            _till,
            _gateway: gateway,
        };
        // The look at the providers is over, and none comes for five minutes: what is learnt is learnt by webhooks.
        trade.pass(1).await;
        trade
    }

    /// The agent makes a link; the id of Stripe's session.
    pub(super) async fn sell(&self, order: CreateCheckoutRequest) -> String {
        let answer = PaymentServiceClient::new(self.till.clone()).create_checkout(order).await.unwrap();
        let link = answer.into_inner().checkout.unwrap().checkout_id;
        let sessions = self.sandbox.till().all("checkout.session").unwrap();
        let session =
            sessions.iter().find(|session| session["client_reference_id"] == link.as_str()).unwrap();
        session["id"].as_str().unwrap().to_owned()
    }

    /// So many seconds pass, in each of which the till does what is due. Webhooks on their way arrive before.
    pub(super) async fn pass(&mut self, seconds: u32) {
        let on_the_way = || SENDERS.iter().any(|sender| self.sandbox.webhooks(*sender).under_way() > 0);
        until("webhooks arrive", || !on_the_way()).await;
        self.note_calls();
        for _ in 0..seconds {
            self.tick_after(1).await;
        }
    }

    /// The till's time moves on, and it is told to do what is due.
    pub(super) async fn tick_after(&mut self, seconds: i64) {
        self.ahead.fetch_add(seconds, SeqCst);
        let mut operations = OperationsServiceClient::new(self.till.clone());
        while operations.tick(TickRequest {}).await.unwrap().into_inner().more {}
        self.note_calls();
    }

    /// Notes what the providers were asked lately, under the second that it is.
    fn note_calls(&mut self) {
        let second = self.ahead.load(SeqCst);
        let asked = self.sandbox.requests().into_iter().filter(|asked| SENDERS.contains(&asked.provider));
        let new = asked.skip(self.calls.len());
        self.calls.extend(new.map(|asked| Call { second, path: asked.path }));
    }

    /// What the spreadsheet says once no message waits and all rows are written.
    pub(super) async fn at_rest(&self) -> Sheet {
        let waiting = ListInboxRequest { state: InboxState::Waiting.into(), ..ListInboxRequest::default() };
        let waiting = OperationsServiceClient::new(self.till.clone()).list_inbox(waiting).await.unwrap();
        assert_eq!(waiting.into_inner().messages, [], "what came is worked on");
        let mut ledger = LedgerServiceClient::new(link(self.books));
        let written = async {
            loop {
                let status = ledger.get_ledger_status(GetLedgerStatusRequest::default()).await.unwrap();
                if status.get_ref().pending == 0 && !status.get_ref().batch_open {
                    break;
                }
                tokio::time::sleep(std::time::Duration::from_millis(20)).await;
            }
        };
        tokio::time::timeout(PATIENCE, written).await.expect("all rows are written");
        sheet::read(&self.sandbox)
    }

    /// The books are killed, and nobody answers at their door.
    pub(super) async fn close_books(&mut self) -> Closed {
        self.writer.kill().await;
        let listener = TcpListener::bind(self.books).await.unwrap();
        let knocks = Arc::<AtomicUsize>::default();
        let counted = knocks.clone();
        let task = tokio::spawn(async move {
            while listener.accept().await.is_ok() {
                counted.fetch_add(1, SeqCst);
            }
        });
        Closed { knocks, task }
    }

    /// The books are there again; how often somebody knocked meanwhile.
    pub(super) async fn open_books(&mut self, Closed { knocks, task }: Closed) -> usize {
        task.abort();
        assert!(task.await.unwrap_err().is_cancelled());
        self.writer = fleet::writer(self.dir.path(), &self.base, self.books.port());
        self.writer.address("sheets-writer").await;
        knocks.load(SeqCst)
    }
}

/// A store that says that others may share it: what is limited there goes by the till's time, and not by a clock that
/// nobody moves.
struct Shared(Arc<dyn Store>);

#[async_trait::async_trait]
impl Store for Shared {
    async fn get(&self, key: &Key) -> Result<Option<Document>, Error> {
        self.0.get(key).await
    }

    async fn get_many(&self, keys: &[Key]) -> Result<Vec<Option<Document>>, Error> {
        self.0.get_many(keys).await
    }

    async fn commit(&self, writes: Vec<Write>) -> Result<Commit, Error> {
        self.0.commit(writes).await
    }

    async fn query(&self, query: Query) -> Result<Page, Error> {
        self.0.query(query).await
    }

    fn is_shared(&self) -> bool {
        true
    }
}

/// Serves a till in this process, until its guard goes.
async fn serve_till(dir: &TempDir, base: &str, books: &str, clock: Clock) -> (SocketAddr, DropGuard) {
    let [calcom, stripe] = ["calcom", "stripe"].map(|provider| format!("{base}/{provider}"));
    let store = format!("sqlite:{}", dir.path().display());
    let settings = [&till_vars(&calcom, &stripe, books)[..], &[("STORE", store.as_str())]].concat();
    let config: booking_payments::Config =
        chassis::config::load(&vars(dir.path(), &settings), Vec::new()).unwrap();
    let store = config.store.open(booking_payments::NAME, booking_payments::SCHEMA, clock.clone()).unwrap();
    // As in the cloud: a message is worked on before it is answered, and from then on by the tick alone.
    let context = Context::new(booking_payments::NAME, true);
    let parts = booking_payments::Parts { store: Arc::new(Shared(store)), clock };
    let server = booking_payments::assemble(config, context.clone(), parts).unwrap();
    let listener = chassis::bind(Ipv4Addr::LOCALHOST.into(), 0).await.unwrap();
    let (address, guard) = (listener.local_addr().unwrap(), context.shutdown.clone().drop_guard());
    tokio::spawn(chassis::serve(listener, server, context));
    (address, guard)
}

fn url(address: SocketAddr) -> String {
    format!("http://{address}")
}

fn link(address: SocketAddr) -> Link {
    Link::new(&Url::parse(&url(address)).unwrap()).unwrap()
}
