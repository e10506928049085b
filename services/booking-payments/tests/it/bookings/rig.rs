//! The service under test: served by the chassis on a port of its own, over SQLite, between Cal.com and the books.

use std::collections::HashMap;

use booking_payments::{Config, NAME, Parts, SCHEMA};
use chassis::{Context, Drain, Link, Vars};
use domain::Fault;
use hmac::{Hmac, KeyInit as _, Mac as _};
use jiff::Timestamp;
use proto::{
    booking::v1::{
        Attendee, Booking, CancelBookingRequest, CreateBookingRequest, GetBookingRequest,
        ListBookingsRequest, RescheduleBookingRequest, booking_service_client::BookingServiceClient,
    },
    common::v1::{
        Caller, InboxState, ListInboxRequest, ReceiveWebhookRequest, ReconcileRequest, TickRequest,
        operations_service_client::OperationsServiceClient,
        reconciliation_service_client::ReconciliationServiceClient,
        webhook_service_client::WebhookServiceClient,
    },
};
use serde_json::{Value, json};
use sha2::Sha256;
use tempfile::TempDir;
use tokio::task::JoinHandle;
use tonic::Status;

use super::{
    books::Books,
    cal::{CONSULT, Cal, KEY, PATIENCE, TODAY, Time},
};

/// After so long work is taken for cut off.
const STUCK: std::time::Duration = std::time::Duration::from_secs(3);
const SECRET: &str = "secret-of-the-tests";

/// A running service.
pub(crate) struct Rig {
    pub(crate) client: BookingServiceClient<Link>,
    pub(crate) webhooks: WebhookServiceClient<Link>,
    pub(crate) operations: OperationsServiceClient<Link>,
    pub(crate) reconciliation: ReconciliationServiceClient<Link>,
    pub(crate) cal: Cal,
    pub(crate) books: Books,
    pub(crate) time: Time,
    _dir: TempDir,
    ctx: Context,
    serving: JoinHandle<Drain>,
}

impl Rig {
    pub(crate) async fn start() -> Self {
        let time = Time::start();
        let (cal, books) = (Cal::start(time.clone()).await, Books::start().await);
        let dir = tempfile::tempdir().unwrap();
        // Nobody listens at port 9: whoever asks Stripe here is told so at once.
        let settings = [
            ("STORE", format!("sqlite:{}", dir.path().display())),
            ("CALCOM_API_KEY", KEY.to_owned()),
            ("CALCOM_BASE_URL", format!("http://{}", cal.addr)),
            ("CALCOM_WEBHOOK_SECRETS", format!("newer,{SECRET}")),
            ("CALCOM_BOOKING_LINK", "https://cal.com/agency".to_owned()),
            ("STRIPE_SECRET_KEY", "sk_test_1".to_owned()),
            ("STRIPE_BASE_URL", "http://127.0.0.1:9".to_owned()),
            ("SHEETS_WRITER_ADDR", "http://127.0.0.1:9".to_owned()),
            ("SANDBOX_LEDGER_ADDR", format!("http://{}", books.addr)),
        ];
        let vars: Vars = settings.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
        let config: Config = chassis::config::load(&vars, []).expect("sound settings");
        let clock = time.clock();
        let store = config.store.open(NAME, SCHEMA, clock.clone()).unwrap();
        let ctx = Context::new(NAME, false);
        let server = booking_payments::assemble(config, ctx.clone(), Parts { store, clock }).unwrap();
        let listener = chassis::bind([127, 0, 0, 1].into(), 0).await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap()).parse().unwrap();
        let serving = tokio::spawn(chassis::serve(listener, server, ctx.clone()));
        let link = Link::new(&url).unwrap().with_default_deadline(PATIENCE);
        Self {
            client: BookingServiceClient::new(link.clone()),
            webhooks: WebhookServiceClient::new(link.clone()),
            operations: OperationsServiceClient::new(link.clone()),
            reconciliation: ReconciliationServiceClient::new(link),
            cal,
            books,
            time,
            _dir: dir,
            ctx,
            serving,
        }
    }

    pub(crate) async fn create(&self, request: CreateBookingRequest) -> Result<Booking, Status> {
        Ok(self.client.clone().create_booking(request).await?.into_inner().booking.unwrap())
    }

    /// Ann books.
    pub(crate) async fn book(&self, request_id: &str, start: &str) -> Result<Booking, Status> {
        self.create(order(ann(), request_id, start)).await
    }

    pub(crate) async fn get(&self, caller: Caller, id: &str) -> Result<Booking, Status> {
        let request = GetBookingRequest { caller: Some(caller), booking_id: id.to_owned() };
        Ok(self.client.clone().get_booking(request).await?.into_inner().booking.unwrap())
    }

    pub(crate) async fn list(&self, caller: Caller) -> Vec<Booking> {
        let request = ListBookingsRequest { caller: Some(caller), ..Default::default() };
        self.client.clone().list_bookings(request).await.unwrap().into_inner().bookings
    }

    pub(crate) async fn reschedule(
        &self,
        request_id: &str,
        booking_id: &str,
        start: &str,
    ) -> Result<Booking, Status> {
        let request = RescheduleBookingRequest {
            caller: Some(ann()),
            request_id: request_id.to_owned(),
            booking_id: booking_id.to_owned(),
            start_time: at(start),
            reason: "a train".to_owned(),
        };
        Ok(self.client.clone().reschedule_booking(request).await?.into_inner().booking.unwrap())
    }

    pub(crate) async fn cancel(&self, request_id: &str, booking_id: &str) -> Result<Booking, Status> {
        let request = CancelBookingRequest {
            caller: Some(ann()),
            request_id: request_id.to_owned(),
            booking_id: booking_id.to_owned(),
            ..Default::default()
        };
        Ok(self.client.clone().cancel_booking(request).await?.into_inner().booking.unwrap())
    }

    /// Cal.com sends a webhook.
    pub(crate) async fn send(&self, body: &Value) -> Result<bool, Status> {
        let body = body.to_string().into_bytes();
        let mut mac = Hmac::<Sha256>::new_from_slice(SECRET.as_bytes()).unwrap();
        mac.update(&body);
        let signature = domain::id::hex(&mac.finalize().into_bytes());
        self.receive(body, &signature).await
    }

    pub(crate) async fn receive(&self, body: Vec<u8>, signature: &str) -> Result<bool, Status> {
        let request = ReceiveWebhookRequest {
            caller: None,
            request_id: String::new(),
            provider: "calcom".to_owned(),
            headers: HashMap::from([("x-cal-signature-256".to_owned(), signature.to_owned())]),
            body: body.into(),
        };
        Ok(self.webhooks.clone().receive_webhook(request).await?.into_inner().duplicate)
    }

    /// Looks for what no webhook brought.
    pub(crate) async fn reconcile(&self, since: &str) -> (i64, i64) {
        let request =
            ReconcileRequest { since: at(since), provider: "calcom".to_owned(), ..Default::default() };
        let answer = self.reconciliation.clone().reconcile(request).await.unwrap().into_inner();
        assert_eq!((answer.providers.len(), answer.providers[0].problem.as_str()), (1, ""));
        (answer.providers[0].seen, answer.providers[0].missed)
    }

    /// Waits until nothing that came in waits for work.
    pub(crate) async fn settle(&self) {
        let waiting = async {
            let mut begin = std::time::Instant::now();
            loop {
                let request = ListInboxRequest { state: InboxState::Waiting.into(), ..Default::default() };
                let inbox = self.operations.clone().list_inbox(request).await.unwrap().into_inner();
                if inbox.messages.is_empty() {
                    return;
                }
                if begin.elapsed() > STUCK {
                    // Work that was cut off on a busy machine is due again later, and here no time passes by itself.
                    begin = std::time::Instant::now();
                    self.time.advance(300);
                    self.operations.clone().tick(TickRequest {}).await.unwrap();
                }
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(PATIENCE, waiting).await.expect("the inbox is worked on");
    }

    pub(crate) async fn stop(self) {
        self.ctx.shutdown.cancel();
        tokio::time::timeout(PATIENCE, self.serving).await.unwrap().unwrap();
    }
}

/// A webhook of a trigger about a booking.
pub(crate) fn webhook(trigger: &str, uid: &str, old: Option<&str>) -> Value {
    json!({
        "triggerEvent": trigger, "createdAt": TODAY, "payload": {"uid": uid, "rescheduleUid": old},
    })
}

/// A caller by number.
pub(crate) fn visitor(number: u32) -> Caller {
    let visitor_id = format!("vis_{number:032x}");
    Caller { visitor_id, workflow: "lead-concierge".into(), session_id: "s1".into(), ..Default::default() }
}

/// Ann.
pub(crate) fn ann() -> Caller {
    visitor(1)
}

/// A consult for Ann.
pub(crate) fn order(caller: Caller, request_id: &str, start: &str) -> CreateBookingRequest {
    CreateBookingRequest {
        caller: Some(caller),
        request_id: request_id.to_owned(),
        event_type_id: CONSULT,
        start_time: at(start),
        attendee: Some(Attendee {
            name: "Ann Lee".into(),
            email: "ann@example.com".into(),
            time_zone: "Europe/Berlin".into(),
            ..Default::default()
        }),
        page: "/pricing".into(),
        ..Default::default()
    }
}

/// A time on the wire.
pub(crate) fn at(text: &str) -> Option<prost_types::Timestamp> {
    let time: Timestamp = text.parse().unwrap();
    Some(prost_types::Timestamp { seconds: time.as_second(), nanos: 0 })
}

/// What a status says.
pub(crate) fn fault(status: &Status) -> Fault {
    chassis::status::fault(status)
}
