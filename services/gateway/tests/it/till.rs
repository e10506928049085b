//! booking-payments: it notes what it was asked, takes every webhook, and shows one link, unless a script says otherwise.

use std::collections::VecDeque;

use proto::{
    booking::v1::{
        CheckoutStatus, CreateCheckoutRequest, CreateCheckoutResponse, ExpireCheckoutRequest,
        ExpireCheckoutResponse, GetCheckoutRequest, GetCheckoutResponse, GetReturnPageRequest,
        GetReturnPageResponse, ListCheckoutsRequest, ListCheckoutsResponse, ListItemsRequest,
        ListItemsResponse, MeetingOutcome, payment_service_server::PaymentService,
    },
    common::v1::{
        Money, ReceiveWebhookRequest, ReceiveWebhookResponse, webhook_service_server::WebhookService,
    },
};
use tonic::{Request, Response, Status, async_trait};

use crate::backend::Backend;

/// What it was asked, and what is still to be answered.
#[derive(Default)]
pub(crate) struct Till {
    pub(crate) received: Vec<ReceiveWebhookRequest>,
    pub(crate) looked: Vec<GetReturnPageRequest>,
    pub(crate) webhooks: VecDeque<Result<ReceiveWebhookResponse, Status>>,
    pub(crate) pages: VecDeque<Result<GetReturnPageResponse, Status>>,
}

/// A consult that is paid, and whose meeting is booked.
pub(crate) fn paid() -> GetReturnPageResponse {
    GetReturnPageResponse {
        status: CheckoutStatus::Paid.into(),
        item_name: "Strategy call".into(),
        price: Some(Money { minor_units: 14_900, currency_code: "EUR".into() }),
        meeting: MeetingOutcome::Booked.into(),
        local_start: "2026-03-29T10:00:00+02:00".into(),
        back_url: "https://www.example.com/services".into(),
        time_zone: "Europe/Berlin".into(),
        ..GetReturnPageResponse::default()
    }
}

impl Backend {
    pub(crate) fn pages(&self, pages: impl IntoIterator<Item = Result<GetReturnPageResponse, Status>>) {
        self.notes().till.pages.extend(pages);
    }
}

#[async_trait]
impl WebhookService for Backend {
    async fn receive_webhook(
        &self,
        request: Request<ReceiveWebhookRequest>,
    ) -> Result<Response<ReceiveWebhookResponse>, Status> {
        let till = &mut self.note(&request).till;
        till.received.push(request.into_inner());
        let friendly = ReceiveWebhookResponse { message_id: "msg_1".into(), duplicate: false };
        till.webhooks.pop_front().unwrap_or(Ok(friendly)).map(Response::new)
    }
}

fn never<T>() -> Result<Response<T>, Status> {
    Err(Status::unimplemented("the gateway never asks for this"))
}

#[async_trait]
impl PaymentService for Backend {
    async fn get_return_page(
        &self,
        request: Request<GetReturnPageRequest>,
    ) -> Result<Response<GetReturnPageResponse>, Status> {
        let till = &mut self.note(&request).till;
        till.looked.push(request.into_inner());
        till.pages.pop_front().unwrap_or_else(|| Ok(paid())).map(Response::new)
    }

    async fn list_items(&self, _: Request<ListItemsRequest>) -> Result<Response<ListItemsResponse>, Status> {
        never()
    }

    async fn create_checkout(
        &self,
        _: Request<CreateCheckoutRequest>,
    ) -> Result<Response<CreateCheckoutResponse>, Status> {
        never()
    }

    async fn get_checkout(
        &self,
        _: Request<GetCheckoutRequest>,
    ) -> Result<Response<GetCheckoutResponse>, Status> {
        never()
    }

    async fn list_checkouts(
        &self,
        _: Request<ListCheckoutsRequest>,
    ) -> Result<Response<ListCheckoutsResponse>, Status> {
        never()
    }

    async fn expire_checkout(
        &self,
        _: Request<ExpireCheckoutRequest>,
    ) -> Result<Response<ExpireCheckoutResponse>, Status> {
        never()
    }
}
