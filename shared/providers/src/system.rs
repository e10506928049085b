//! What all parts of a service share: the inbox, the tellings, the tick, the doors of operators.
//!
//! The invariant: whatever waits has a duty, and so is seen by operators; and every duty is done by the tick, whether a
//! task does it as well or not.

use std::sync::Arc;

use chassis::{Context, Grpc};
use proto::common::v1::{
    backup_service_server::BackupServiceServer, operations_service_server::OperationsServiceServer,
    reconciliation_service_server::ReconciliationServiceServer, webhook_service_server::WebhookServiceServer,
};
use store::{
    Clock, Schema, Store,
    backup::{self, Backup},
    erasing::Erasures,
    inbox::{INBOX, Inbox},
    queue::Worker,
};

use crate::{
    books::Telling,
    duty::Duty,
    erasure::Forgets,
    operations::{self, Operations, Queues},
    reconciliation::{self, Reconciliation},
    webhooks::{Providers, Webhooks},
};

/// What the system is made of.
pub struct System {
    /// The process.
    pub ctx: Context,
    /// Where everything is kept.
    pub store: Arc<dyn Store>,
    /// Where the time is read.
    pub clock: Clock,
    /// What is declared of its documents.
    pub schema: Schema,
    /// Who tells the books.
    pub tellings: Worker<Telling>,
    /// Whose webhooks are taken.
    pub providers: Providers,
    /// What the parts have to do.
    pub duties: Vec<Arc<dyn Duty>>,
    /// Who forgets people, beside the inbox and the tellings.
    pub forgets: Vec<Arc<dyn Forgets>>,
}

// === impl System ===

impl System {
    /// Starts its tasks, and opens the doors that all parts share.
    pub fn open(self) -> Grpc {
        let Self { ctx, store, clock, schema, tellings, providers, duties, forgets } = self;
        let inbox = Inbox::new(store.clone(), clock.clone());
        let worker = Worker::new(&INBOX, store.clone(), clock.clone(), Arc::new(providers.clone()));
        let reconciliation = Reconciliation {
            providers: providers.clone(),
            inbox: inbox.clone(),
            worker: worker.clone(),
            store: store.clone(),
            clock: clock.clone(),
        };
        let duties = in_order(&reconciliation, &worker, duties, &tellings);
        let backup = Backup::new(store.clone(), clock.clone(), schema.version, &[]);
        let restored = duties.clone();
        let backup = backup::Service::waking(backup, move || restored.iter().for_each(|duty| duty.wake()));
        // In the cloud a message is worked on within its request: a task that is cut off would only hold it up.
        let is_idle = |duty: &Arc<dyn Duty>| ctx.cloud && duty.name() == INBOX.collection();
        for duty in duties.iter().filter(|duty| !is_idle(duty)) {
            let (duty, shutdown) = (duty.clone(), ctx.shutdown.clone());
            ctx.spawn(async move { duty.run(shutdown).await });
        }
        let all = duties.iter().filter_map(|duty| duty.clone().jobs()).collect();
        let tick = operations::tick(&ctx, duties);
        let erasures = Erasures::new(store.clone(), clock.clone());
        let operations = Operations {
            tick: tick.clone(),
            queues: Queues { inbox: inbox.clone(), all },
            worker: worker.clone(),
            store,
            clock: clock.clone(),
            erasures,
            parts: forgets,
        };
        let cloud = ctx.cloud;
        Grpc::new(proto::FILE_DESCRIPTOR_SET)
            .tick(tick)
            .add(WebhookServiceServer::new(Webhooks { providers, inbox, worker, clock, ctx }))
            .add(ReconciliationServiceServer::new(reconciliation::Service { reconciliation, cloud }))
            .add(OperationsServiceServer::new(operations))
            .add(BackupServiceServer::new(backup))
    }
}

/// What brings news before what acts on it, and what tells of it last.
fn in_order(
    reconciliation: &Reconciliation,
    inbox: &Worker<store::inbox::Message>,
    parts: Vec<Arc<dyn Duty>>,
    tellings: &Worker<Telling>,
) -> Vec<Arc<dyn Duty>> {
    let mut duties: Vec<Arc<dyn Duty>> = vec![Arc::new(reconciliation.clone()), Arc::new(inbox.clone())];
    duties.extend(parts);
    duties.push(Arc::new(tellings.clone()));
    duties
}
