//! The books, which note what they are told of payments.

use std::{net::SocketAddr, time::Duration};

use proto::sheets::v1::{
    PaymentStatement, RecordBookingRequest, RecordBookingResponse, RecordPaymentRequest,
    RecordPaymentResponse, RecordSubscriptionRequest, RecordSubscriptionResponse,
    bookkeeping_service_server::{BookkeepingService, BookkeepingServiceServer},
};
use tokio::{net::TcpListener, sync::watch, task::JoinHandle};
use tonic::{Request, Response, Status, transport::server::TcpIncoming};

/// Longest wait of a test for something that must happen.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// The books.
pub(crate) struct Books {
    pub(crate) addr: SocketAddr,
    told: watch::Receiver<Vec<RecordPaymentRequest>>,
    serving: JoinHandle<()>,
}

struct Door(watch::Sender<Vec<RecordPaymentRequest>>);

impl Books {
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr = listener.local_addr().unwrap();
        let (sender, told) = watch::channel(Vec::new());
        let router =
            tonic::transport::Server::builder().add_service(BookkeepingServiceServer::new(Door(sender)));
        let serving = tokio::spawn(async move {
            router.serve_with_incoming(TcpIncoming::from(listener)).await.unwrap();
        });
        Self { addr, told, serving }
    }

    /// All that was told so far.
    pub(crate) fn told(&self) -> Vec<RecordPaymentRequest> {
        self.told.borrow().clone()
    }

    /// Waits until the newest statement is as it should be.
    pub(crate) async fn until(&self, is_right: impl Fn(&PaymentStatement) -> bool) -> RecordPaymentRequest {
        let mut told = self.told.clone();
        let newest = |told: &Vec<RecordPaymentRequest>| told.last().cloned();
        let is_told =
            told.wait_for(|told| newest(told).is_some_and(|told| is_right(told.payment.as_ref().unwrap())));
        let told = tokio::time::timeout(PATIENCE, is_told).await.expect("the books are told").unwrap();
        newest(&told).unwrap()
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
        self.0.send_modify(|told| told.push(request.into_inner()));
        Ok(Response::new(RecordPaymentResponse::default()))
    }

    async fn record_subscription(
        &self,
        _: Request<RecordSubscriptionRequest>,
    ) -> Result<Response<RecordSubscriptionResponse>, Status> {
        Err(Status::unimplemented("nobody subscribes here"))
    }
}
