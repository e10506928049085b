//! The books, which note what they are told.

mod people;

use std::net::SocketAddr;

use proto::sheets::v1::{
    PaymentStatement, RecordBookingRequest, RecordBookingResponse, RecordPaymentRequest,
    RecordPaymentResponse, RecordSubscriptionRequest, RecordSubscriptionResponse, SubscriptionStatement,
    bookkeeping_service_server::{BookkeepingService, BookkeepingServiceServer},
    contact_service_server::ContactServiceServer,
};
use tokio::{net::TcpListener, sync::watch, task::JoinHandle};
use tonic::{Request, Response, Status, transport::server::TcpIncoming};

use super::whop::PATIENCE;

/// All that they were told, in the order in which it came.
#[derive(Clone, Debug, Default)]
pub(crate) struct Told {
    pub(crate) subscriptions: Vec<RecordSubscriptionRequest>,
    pub(crate) payments: Vec<RecordPaymentRequest>,
    /// User and visitor.
    pub(crate) contacts: Vec<(String, String)>,
}

/// The books.
pub(crate) struct Books {
    pub(crate) addr: SocketAddr,
    told: watch::Receiver<Told>,
    serving: JoinHandle<()>,
}

#[derive(Clone)]
struct Door(watch::Sender<Told>);

impl Books {
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr = listener.local_addr().unwrap();
        let (sender, told) = watch::channel(Told::default());
        let door = Door(sender);
        let router = tonic::transport::Server::builder()
            .add_service(BookkeepingServiceServer::new(door.clone()))
            .add_service(ContactServiceServer::new(door));
        let serving = tokio::spawn(async move {
            router.serve_with_incoming(TcpIncoming::from(listener)).await.unwrap();
        });
        Self { addr, told, serving }
    }

    /// All that was told so far.
    pub(crate) fn told(&self) -> Told {
        self.told.borrow().clone()
    }

    pub(crate) async fn until(&self, is_told: impl Fn(&Told) -> bool) -> Told {
        let mut told = self.told.clone();
        let told = tokio::time::timeout(PATIENCE, told.wait_for(is_told)).await;
        told.expect("the books are told").unwrap().clone()
    }

    /// Waits until a membership stands in the books as it should.
    pub(crate) async fn until_subscription(
        &self,
        id: &str,
        is_right: impl Fn(&SubscriptionStatement) -> bool,
    ) -> RecordSubscriptionRequest {
        let told = self.until(|told| {
            told.subscription(id).is_some_and(|it| is_right(it.subscription.as_ref().unwrap()))
        });
        told.await.subscription(id).unwrap()
    }

    /// Waits until a payment stands in the books as it should.
    pub(crate) async fn until_payment(
        &self,
        id: &str,
        is_right: impl Fn(&PaymentStatement) -> bool,
    ) -> RecordPaymentRequest {
        let told =
            self.until(|told| told.payment(id).is_some_and(|it| is_right(it.payment.as_ref().unwrap())));
        told.await.payment(id).unwrap()
    }
}

impl Told {
    /// The newest statement of a membership.
    pub(crate) fn subscription(&self, id: &str) -> Option<RecordSubscriptionRequest> {
        let of =
            |told: &&RecordSubscriptionRequest| told.subscription.as_ref().unwrap().subscription_id == id;
        let newest = self.subscriptions.iter().filter(of);
        newest.max_by_key(|told| told.subscription.as_ref().unwrap().version).cloned()
    }

    /// The newest statement of a payment.
    pub(crate) fn payment(&self, id: &str) -> Option<RecordPaymentRequest> {
        let of = |told: &&RecordPaymentRequest| told.payment.as_ref().unwrap().payment_id == id;
        self.payments.iter().filter(of).max_by_key(|told| told.payment.as_ref().unwrap().version).cloned()
    }
}

impl Drop for Books {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

#[tonic::async_trait]
impl BookkeepingService for Door {
    async fn record_booking(
        &self,
        _: Request<RecordBookingRequest>,
    ) -> Result<Response<RecordBookingResponse>, Status> {
        Err(Status::unimplemented("nobody books here"))
    }

    async fn record_payment(
        &self,
        request: Request<RecordPaymentRequest>,
    ) -> Result<Response<RecordPaymentResponse>, Status> {
        self.0.send_modify(|told| told.payments.push(request.into_inner()));
        Ok(Response::new(RecordPaymentResponse::default()))
    }

    async fn record_subscription(
        &self,
        request: Request<RecordSubscriptionRequest>,
    ) -> Result<Response<RecordSubscriptionResponse>, Status> {
        self.0.send_modify(|told| told.subscriptions.push(request.into_inner()));
        Ok(Response::new(RecordSubscriptionResponse::default()))
    }
}
