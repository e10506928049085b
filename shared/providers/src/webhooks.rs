//! Webhooks: taken first, worked on afterwards.
//!
//! The invariants: what is not verified is never read; what is answered is durable; and what comes of a message is no
//! business of the provider that sent it.

use std::{collections::HashMap, sync::Arc, time::Duration};

use chassis::Context;
use domain::{Fault, Kind, Reason};
use proto::common::v1::{
    ReceiveWebhookRequest, ReceiveWebhookResponse, webhook_service_server::WebhookService,
};
use store::{
    Clock,
    inbox::{Inbox, LONGEST_BODY, Message, Taken},
    queue::{Handler, Next, Trouble, Worker},
};
use tonic::{Request, Response, Status};

use crate::{
    error::{Error, refuse},
    provider::Provider,
};

/// How long a delivery waits for what comes of it, where nothing runs after the answer.
const PATIENCE: Duration = Duration::from_secs(2);

/// The providers of a service.
#[derive(Clone)]
pub struct Providers(Arc<[Arc<dyn Provider>]>);

/// Takes webhooks.
#[derive(Clone)]
pub(crate) struct Webhooks {
    /// Whose webhooks are taken.
    pub(crate) providers: Providers,
    /// Where they are kept.
    pub(crate) inbox: Inbox,
    /// Who works on them.
    pub(crate) worker: Worker<Message>,
    /// Where the time is read.
    pub(crate) clock: Clock,
    /// The process.
    pub(crate) ctx: Context,
}

// === impl Providers ===

impl Providers {
    /// These providers.
    pub fn new(providers: Vec<Arc<dyn Provider>>) -> Self {
        Self(providers.into())
    }

    /// All of them.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Arc<dyn Provider>> {
        self.0.iter()
    }

    /// The one with this name.
    pub(crate) fn find(&self, name: &str) -> Option<&Arc<dyn Provider>> {
        self.iter().find(|provider| provider.name() == name)
    }
}

#[async_trait::async_trait]
impl Handler<Message> for Providers {
    async fn handle(&self, _id: &str, message: &Message) -> Result<Next, Trouble> {
        if message.body.is_blank() {
            // Its person was forgotten after it was worked on.
            return Ok(Next::Done);
        }
        let Some(provider) = self.find(&message.source) else {
            return Err(Trouble::hopeless("its provider is none of this service"));
        };
        provider.follow(&message.kind, message.body.bytes()).await.map(|()| Next::Done)
    }
}

// === impl Webhooks ===

impl Webhooks {
    /// Takes a delivery that arrived by the route of `provider`.
    async fn receive(
        &self,
        provider: &str,
        headers: &HashMap<String, String>,
        body: &[u8],
    ) -> Result<Taken, Error> {
        let Some(provider) = self.providers.find(provider) else {
            return Err(Fault::invalid("provider", "provider is none that sends webhooks here").into());
        };
        if body.len() > LONGEST_BODY {
            return Err(Fault::new(Kind::Invalid, Reason::TooLarge, "a webhook has at most 512 KiB").into());
        }
        let verified = provider.verify(headers, body, (self.clock)())?;
        let taken =
            self.inbox.take(provider.name(), &verified.key, &verified.kind, &provider.keep(body)).await?;
        if !taken.duplicate {
            self.follow(&taken).await;
        }
        Ok(taken)
    }

    async fn follow(&self, taken: &Taken) {
        if !self.ctx.cloud {
            self.worker.wake();
            return;
        }
        let (worker, id) = (self.worker.clone(), taken.id.to_string());
        let (told, done) = tokio::sync::oneshot::channel();
        // A task of its own: what is broken off here would be held by its claim.
        self.ctx.spawn(async move {
            if let Err(error) = worker.work_on(&id).await {
                tracing::warn!(error = &error as &dyn std::error::Error, "a message waits for the tick");
            }
            // Nobody waits any more.
            let _ = told.send(());
        });
        // Too late is as good as done: the tick goes on with what waits.
        let _ = tokio::time::timeout(PATIENCE, done).await;
    }
}

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
