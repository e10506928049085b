//! `OperationsService` on the wire, the same for every service that speaks with a provider.

mod inbox;

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use chassis::{Context, Tick, Ticked, status::status};
use domain::Fault;
use proto::common::v1::{
    Count, ErasePersonRequest, ErasePersonResponse, ListInboxRequest, ListInboxResponse, Person,
    ReplayInboxRequest, ReplayInboxResponse, TickRequest, TickResponse,
    operations_service_server::OperationsService,
};
use serde_json::Value;
use store::{
    Clock, Store,
    erasing::{self, Erasures},
    inbox::{Forgotten, Mentions, Message},
    queue::{Purge, Worker},
};
use tonic::{Request, Response, Status};

use crate::{
    books::TELLINGS,
    duty::Duty,
    erasure::Forgets,
    error::{Error, fault, refuse},
};

pub(crate) use inbox::Queues;

/// What one call of an erasure may take before it answers that there is more.
const PORTION: Duration = Duration::from_secs(4);

/// The operations of a service.
pub(crate) struct Operations {
    /// Does what is due.
    pub(crate) tick: Tick,
    /// What waits, as operators see it.
    pub(crate) queues: Queues,
    /// Who works on messages.
    pub(crate) worker: Worker<Message>,
    /// Where everything is kept.
    pub(crate) store: Arc<dyn Store>,
    /// Where the time is read.
    pub(crate) clock: Clock,
    /// How far erasures are.
    pub(crate) erasures: Erasures,
    /// Who forgets what else there is of a person.
    pub(crate) parts: Vec<Arc<dyn Forgets>>,
}

/// Does these duties by the clock, one after the other.
pub(crate) fn tick(ctx: &Context, duties: Vec<Arc<dyn Duty>>) -> Tick {
    Tick::new(ctx, move || {
        let duties = duties.clone();
        async move {
            let (mut ticked, mut failed) = (Ticked::default(), None);
            for duty in duties {
                match duty.tick().await {
                    Ok(Ticked { done, more }) => {
                        done.into_iter().for_each(|(kind, number)| ticked.count(&kind, number));
                        ticked.more |= more;
                    }
                    Err(error) => {
                        let why: &dyn std::error::Error = &error;
                        tracing::warn!(duty = duty.name(), error = why, "a duty failed");
                        failed = Some(fault(error));
                    }
                }
            }
            failed.map_or(Ok(ticked), Err)
        }
    })
}

// === impl Operations ===

impl Operations {
    /// Forgets a person in the inbox first: what a message of theirs brings is forgotten with the rest. What is to be told
    /// of them comes last: their documents, once blank, add nothing to it.
    async fn erase(&self, erasure: &str, person: &Person) -> Result<Option<String>, Error> {
        let until = Instant::now() + PORTION;
        let mentions = mentions(person);
        match self.queues.inbox.forget(&self.worker, &mentions, &self.erasures, erasure, until).await? {
            Forgotten::All => {}
            Forgotten::More => return Ok(Some("more messages".to_owned())),
            Forgotten::Waiting => return Ok(Some("a message that still waits for its provider".to_owned())),
        }
        for part in &self.parts {
            if let Some(waiting_for) = part.forget(person, &self.erasures, erasure).await? {
                return Ok(Some(waiting_for));
            }
        }
        let names = |telling: &Value| mentions.are_in_json(telling);
        let purge = Purge { names: &names, erasures: &self.erasures, erasure };
        if !TELLINGS.purge(&*self.store, &self.clock, &purge).await? {
            return Ok(Some("something that is being told of them".to_owned()));
        }
        let is_gone = self.erasures.scrub(erasure).await?;
        Ok((!is_gone).then(|| erasing::BACKUP.to_owned()))
    }
}

#[tonic::async_trait]
impl OperationsService for Operations {
    async fn tick(&self, _: Request<TickRequest>) -> Result<Response<TickResponse>, Status> {
        let Ticked { done, more } = self.tick.run().await.map_err(|fault| status(&fault))?;
        Ok(Response::new(TickResponse { done: counts(done), more }))
    }

    async fn list_inbox(
        &self,
        request: Request<ListInboxRequest>,
    ) -> Result<Response<ListInboxResponse>, Status> {
        self.queues.list(request.into_inner()).await.map(Response::new).map_err(refuse)
    }

    async fn replay_inbox(
        &self,
        request: Request<ReplayInboxRequest>,
    ) -> Result<Response<ReplayInboxResponse>, Status> {
        let message = self.queues.replay(&request.into_inner().message_id).await.map_err(refuse)?;
        Ok(Response::new(ReplayInboxResponse { message: Some(message) }))
    }

    async fn erase_person(
        &self,
        request: Request<ErasePersonRequest>,
    ) -> Result<Response<ErasePersonResponse>, Status> {
        let ErasePersonRequest { erasure_id, person } = request.into_inner();
        if domain::id::check(&erasure_id).is_err() {
            return Err(status(&Fault::invalid("erasure_id", "erasure_id must be an id")));
        }
        let waiting_for = self.erase(&erasure_id, &person.unwrap_or_default()).await.map_err(refuse)?;
        let progress = self.erasures.get(&erasure_id).await.map_err(|error| refuse(error.into()))?;
        Ok(Response::new(ErasePersonResponse {
            done: waiting_for.is_none(),
            erased: counts(progress.erased),
            waiting_for: waiting_for.unwrap_or_default(),
        }))
    }
}

fn mentions(person: &Person) -> Mentions {
    let Person { contact_ids, visitor_ids, whop_user_ids, emails, phones } = person;
    let names = [contact_ids, visitor_ids, whop_user_ids, emails].into_iter().flatten();
    Mentions::new(names.map(String::as_str)).and_phones(phones.iter().map(String::as_str))
}

fn counts(of: impl IntoIterator<Item = (String, i64)>) -> Vec<Count> {
    of.into_iter().map(|(kind, number)| Count { kind, number }).collect()
}
