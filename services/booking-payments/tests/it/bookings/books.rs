//! The books, which note what they are told of meetings.

use std::net::SocketAddr;

use proto::sheets::v1::{
    RecordBookingRequest, RecordBookingResponse, RecordPaymentRequest, RecordPaymentResponse,
    RecordSubscriptionRequest, RecordSubscriptionResponse,
    bookkeeping_service_server::{BookkeepingService, BookkeepingServiceServer},
    contact_service_server::ContactServiceServer,
};
use tokio::{net::TcpListener, sync::watch, task::JoinHandle};
use tonic::{Request, Response, Status, transport::server::TcpIncoming};

use super::{cal::PATIENCE, people::Nobody};

/// The books.
pub(crate) struct Books {
    pub(crate) addr: SocketAddr,
    told: watch::Receiver<Vec<RecordBookingRequest>>,
    serving: JoinHandle<()>,
}

struct Door(watch::Sender<Vec<RecordBookingRequest>>);

impl Books {
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr = listener.local_addr().unwrap();
        let (sender, told) = watch::channel(Vec::new());
        let router = tonic::transport::Server::builder()
            .add_service(BookkeepingServiceServer::new(Door(sender)))
            .add_service(ContactServiceServer::new(Nobody));
        let serving = tokio::spawn(async move {
            router.serve_with_incoming(TcpIncoming::from(listener)).await.unwrap();
        });
        Self { addr, told, serving }
    }

    /// All that was told so far.
    pub(crate) fn told(&self) -> Vec<RecordBookingRequest> {
        self.told.borrow().clone()
    }

    /// Waits until the newest statement is as it should be.
    pub(crate) async fn until(
        &self,
        is_right: impl Fn(&RecordBookingRequest) -> bool,
    ) -> RecordBookingRequest {
        let newest = |told: &Vec<RecordBookingRequest>| {
            let version = |told: &&RecordBookingRequest| told.booking.as_ref().map(|booking| booking.version);
            told.iter().max_by_key(version).cloned()
        };
        let mut told = self.told.clone();
        let right = told.wait_for(|told| newest(told).is_some_and(|newest| is_right(&newest)));
        let told = tokio::time::timeout(PATIENCE, right).await.expect("the books are told").unwrap();
        newest(&told).unwrap()
    }
}

impl Books {
    /// Waits until anything was told of a uid.
    pub(crate) async fn until_told_of(&self, uid: &str) {
        let is_it =
            |told: &RecordBookingRequest| told.booking.as_ref().unwrap().uids.iter().any(|its| its == uid);
        let mut told = self.told.clone();
        let told = told.wait_for(|told| told.iter().any(is_it));
        tokio::time::timeout(PATIENCE, told).await.expect("the books are told").unwrap();
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
        request: Request<RecordBookingRequest>,
    ) -> Result<Response<RecordBookingResponse>, Status> {
        self.0.send_modify(|told| told.push(request.into_inner()));
        Ok(Response::new(RecordBookingResponse::default()))
    }

    async fn record_payment(
        &self,
        _: Request<RecordPaymentRequest>,
    ) -> Result<Response<RecordPaymentResponse>, Status> {
        Err(Status::unimplemented("nobody pays here"))
    }

    async fn record_subscription(
        &self,
        _: Request<RecordSubscriptionRequest>,
    ) -> Result<Response<RecordSubscriptionResponse>, Status> {
        Err(Status::unimplemented("nobody subscribes here"))
    }
}
