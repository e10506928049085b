//! `ReconciliationService` on the wire.

use domain::Fault;
use proto::common::v1::{
    ProviderReconciliation, ReconcileRequest, ReconcileResponse,
    reconciliation_service_server::ReconciliationService,
};
use tonic::{Request, Response, Status};

use super::{Reconciliation, Report};
use crate::{
    error::{Error, refuse},
    wire::{read_time, wire_time},
};

/// Most messages that are worked on before the answer.
const AT_ONCE: usize = 100;

/// Looks, and lets what was missed be worked on.
pub(crate) struct Service {
    pub(crate) reconciliation: Reconciliation,
    /// Nothing runs after the answer.
    pub(crate) cloud: bool,
}

// === impl Service ===

impl Service {
    async fn reconcile(&self, request: ReconcileRequest) -> Result<Vec<Report>, Error> {
        let Self { reconciliation, .. } = self;
        let since = read_time(request.since, "since")?;
        let wanted = |name: &str| request.provider.is_empty() || request.provider == name;
        let mut reports = Vec::new();
        for provider in reconciliation.providers.iter().filter(|provider| wanted(provider.name())) {
            reports.push(reconciliation.look(&**provider, since).await?);
        }
        if reports.is_empty() {
            return Err(Fault::invalid("provider", "provider is none of this service").into());
        }
        if self.cloud && reports.iter().any(|report| report.missed > 0) {
            reconciliation.worker.tick(AT_ONCE).await?;
        }
        Ok(reports)
    }
}

#[tonic::async_trait]
impl ReconciliationService for Service {
    async fn reconcile(
        &self,
        request: Request<ReconcileRequest>,
    ) -> Result<Response<ReconcileResponse>, Status> {
        let reports = self.reconcile(request.into_inner()).await.map_err(refuse)?;
        let providers = reports.into_iter().map(wire).collect();
        Ok(Response::new(ReconcileResponse { providers }))
    }
}

fn wire(report: Report) -> ProviderReconciliation {
    let Report { provider, seen, missed, missed_ids, until, more, problem } = report;
    ProviderReconciliation {
        provider: provider.to_owned(),
        seen,
        missed,
        missed_ids,
        until: until.map(wire_time),
        more,
        problem,
    }
}
