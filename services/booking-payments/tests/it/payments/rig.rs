//! The service under test: served by the chassis on a port of its own, over SQLite, between Stripe and the books.

use std::{
    collections::HashMap,
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
};

use booking_payments::{Config, NAME, Parts, SCHEMA};
use chassis::{Context, Drain, Link, Vars};
use domain::Fault;
use hmac::{Hmac, KeyInit as _, Mac as _};
use jiff::Timestamp;
use proto::{
    booking::v1::{Attendee, Checkout, CreateCheckoutRequest, payment_service_client::PaymentServiceClient},
    common::v1::{
        Caller, ReceiveWebhookRequest, ReconcileRequest, operations_service_client::OperationsServiceClient,
        reconciliation_service_client::ReconciliationServiceClient,
        webhook_service_client::WebhookServiceClient,
    },
};
use sha2::Sha256;
use tempfile::TempDir;
use tokio::task::JoinHandle;
use tonic::Status;

use super::{
    books::{Books, PATIENCE},
    stripe::Stripe,
};

pub(crate) const SECRET: &str = "whsec_of_the_tests";
const NOW: i64 = 1_800_000_000;

/// A running service.
pub(crate) struct Rig {
    pub(crate) client: PaymentServiceClient<Link>,
    pub(crate) stripe: Stripe,
    pub(crate) books: Books,
    webhooks: WebhookServiceClient<Link>,
    reconciliation: ReconciliationServiceClient<Link>,
    pub(crate) operations: OperationsServiceClient<Link>,
    hours: Arc<AtomicI64>,
    _dir: TempDir,
    ctx: Context,
    serving: JoinHandle<Drain>,
}

impl Rig {
    pub(crate) async fn start() -> Self {
        let (stripe, books) = (Stripe::start(NOW).await, Books::start().await);
        let dir = tempfile::tempdir().unwrap();
        // Nobody listens at port 9: whoever asks Cal.com here is told so at once.
        let settings = [
            ("STORE", format!("sqlite:{}", dir.path().display())),
            ("CALCOM_API_KEY", "cal_test_1".to_owned()),
            ("CALCOM_BASE_URL", "http://127.0.0.1:9".to_owned()),
            ("STRIPE_SECRET_KEY", "sk_test_1".to_owned()),
            ("STRIPE_BASE_URL", format!("http://{}", stripe.addr)),
            ("STRIPE_WEBHOOK_SECRETS", format!("whsec_newer,{SECRET}")),
            ("SHEETS_WRITER_ADDR", "http://127.0.0.1:9".to_owned()),
            ("SANDBOX_LEDGER_ADDR", format!("http://{}", books.addr)),
        ];
        let vars: Vars = settings.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
        let config: Config = chassis::config::load(&vars, []).expect("sound settings");
        let hours = Arc::new(AtomicI64::new(0));
        let passed = hours.clone();
        let clock: store::Clock =
            Arc::new(move || Timestamp::from_second(NOW + 3_600 * passed.load(Ordering::SeqCst)).unwrap());
        let store = config.store.open(NAME, SCHEMA, clock.clone()).unwrap();
        let ctx = Context::new(NAME, false);
        let server = booking_payments::assemble(config, ctx.clone(), Parts { store, clock }).unwrap();
        let listener = chassis::bind([127, 0, 0, 1].into(), 0).await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap()).parse().unwrap();
        let serving = tokio::spawn(chassis::serve(listener, server, ctx.clone()));
        let link = Link::new(&url).unwrap().with_default_deadline(PATIENCE);
        Self {
            client: PaymentServiceClient::new(link.clone()),
            webhooks: WebhookServiceClient::new(link.clone()),
            reconciliation: ReconciliationServiceClient::new(link.clone()),
            operations: OperationsServiceClient::new(link),
            hours,
            stripe,
            books,
            _dir: dir,
            ctx,
            serving,
        }
    }

    pub(crate) fn now(&self) -> i64 {
        NOW
    }

    /// Hours pass here, and at nobody else's.
    pub(crate) fn pass(&self, hours: i64) {
        self.hours.fetch_add(hours, Ordering::SeqCst);
    }

    pub(crate) async fn create(&self, request: CreateCheckoutRequest) -> Result<Checkout, Status> {
        Ok(self.client.clone().create_checkout(request).await?.into_inner().checkout.unwrap())
    }

    /// Stripe sends a webhook; whether it was taken before.
    pub(crate) async fn send(&self, body: &[u8]) -> Result<bool, Status> {
        self.receive(body, &signed(SECRET, NOW, body)).await
    }

    pub(crate) async fn receive(&self, body: &[u8], signature: &str) -> Result<bool, Status> {
        let request = ReceiveWebhookRequest {
            provider: "stripe".to_owned(),
            headers: HashMap::from([("stripe-signature".to_owned(), signature.to_owned())]),
            body: body.to_vec().into(),
            ..Default::default()
        };
        Ok(self.webhooks.clone().receive_webhook(request).await?.into_inner().duplicate)
    }

    /// Looks for what no webhook brought: how much was seen, and how much of it was missed.
    pub(crate) async fn reconcile(&self) -> (i64, i64) {
        let since = Some(prost_types::Timestamp { seconds: NOW - 60, nanos: 0 });
        let request = ReconcileRequest { since, provider: "stripe".to_owned(), ..Default::default() };
        let answer = self.reconciliation.clone().reconcile(request).await.unwrap().into_inner();
        assert_eq!((answer.providers.len(), answer.providers[0].problem.as_str()), (1, ""));
        (answer.providers[0].seen, answer.providers[0].missed)
    }

    pub(crate) async fn stop(self) {
        self.ctx.shutdown.cancel();
        tokio::time::timeout(PATIENCE, self.serving).await.unwrap().unwrap();
    }
}

/// The header by which a secret signs a body.
pub(crate) fn signed(secret: &str, time: i64, body: &[u8]) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).unwrap();
    mac.update(format!("{time}.").as_bytes());
    mac.update(body);
    format!("t={time},v1={}", domain::id::hex(&mac.finalize().into_bytes()))
}

/// Ann.
pub(crate) fn ann() -> Caller {
    Caller {
        visitor_id: format!("vis_{:032x}", 1),
        workflow: "lead-concierge".into(),
        session_id: "ses_1".into(),
        site: "www.example.com".into(),
        ..Default::default()
    }
}

/// An audit for somebody.
pub(crate) fn order(caller: Caller, request_id: &str) -> CreateCheckoutRequest {
    CreateCheckoutRequest {
        caller: Some(caller),
        request_id: request_id.to_owned(),
        item_id: "automation-audit".into(),
        attendee: Some(Attendee { email: "ann@example.com".into(), ..Default::default() }),
        page: "/services?utm_source=x".into(),
        ..Default::default()
    }
}

/// What a status says.
pub(crate) fn fault(status: &Status) -> Fault {
    chassis::status::fault(status)
}
