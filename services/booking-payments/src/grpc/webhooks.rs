//! `WebhookService` on the wire.

use proto::common::v1::{
    ReceiveWebhookRequest, ReceiveWebhookResponse, webhook_service_server::WebhookService,
};
use tonic::{Request, Response, Status};

use crate::{error::refuse, webhooks::Webhooks};

#[tonic::async_trait]
impl WebhookService for Webhooks {
    async fn receive_webhook(
        &self,
        request: Request<ReceiveWebhookRequest>,
    ) -> Result<Response<ReceiveWebhookResponse>, Status> {
        let ReceiveWebhookRequest { provider, headers, body, .. } = request.into_inner();
        let taken = self.receive(&provider, &headers, &body).await.map_err(refuse)?;
        Ok(Response::new(ReceiveWebhookResponse {
            message_id: taken.id.to_string(),
            duplicate: taken.duplicate,
        }))
    }
}
