//! Whoever keeps the time: every service is told each minute to do what is due, as a scheduler does in the cloud.
//!
//! The invariant: a service that fails or is slow holds up nobody but itself, and nothing is begun once the system
//! leaves.

use std::time::Duration;

use chassis::{
    Link,
    retry::{Policy, equal_jitter},
};
use proto::common::v1::{TickRequest, operations_service_client::OperationsServiceClient};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use url::Url;

/// A wait of 40 to 80 seconds, so that services do not work all at once.
const EVERY: Policy = Policy { attempts: 1, base: Duration::from_secs(80), cap: Duration::from_secs(80) };
/// How long a service may take for a portion of what is due.
const DEADLINE: Duration = Duration::from_secs(60);

/// The time of a system, for as long as it runs.
pub(crate) struct Clock {
    stop: CancellationToken,
    tasks: Vec<JoinHandle<()>>,
}

// === impl Clock ===

impl Clock {
    /// Keeps the time of the services at these addresses.
    pub(crate) fn start(services: &[(&'static str, Url)]) -> anyhow::Result<Self> {
        Self::with(EVERY, services)
    }

    fn with(every: Policy, services: &[(&'static str, Url)]) -> anyhow::Result<Self> {
        let stop = CancellationToken::new();
        let mut tasks = Vec::new();
        for (name, url) in services {
            let link = Link::new(url)?.with_default_deadline(DEADLINE);
            let ticking = keep(name, OperationsServiceClient::new(link), every);
            let stop = stop.clone();
            tasks.push(tokio::spawn(async move {
                stop.run_until_cancelled_owned(ticking).await;
            }));
        }
        Ok(Self { stop, tasks })
    }

    /// Stops it; a service finishes by itself what it has begun.
    pub(crate) async fn stop(self) {
        self.stop.cancel();
        for task in self.tasks {
            // a task that panicked has stopped as well
            let _ = task.await;
        }
    }
}

/// Ticks forever, and again at once where there is more to do.
async fn keep(name: &'static str, mut service: OperationsServiceClient<Link>, every: Policy) {
    loop {
        tokio::time::sleep(equal_jitter(&every, 1)).await;
        loop {
            match service.tick(TickRequest {}).await {
                Ok(answer) if answer.get_ref().more => {}
                Ok(_) => break,
                Err(status) => {
                    tracing::warn!(peer.service = name, rpc.code = ?status.code(), "a tick failed");
                    break;
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{
        sync::{
            Arc,
            atomic::{AtomicUsize, Ordering::SeqCst},
        },
        time::Instant,
    };

    use chassis::{Context, Grpc};
    use proto::common::v1::{
        ErasePersonRequest, ErasePersonResponse, ListInboxRequest, ListInboxResponse, ReplayInboxRequest,
        ReplayInboxResponse, TickResponse,
        operations_service_server::{OperationsService, OperationsServiceServer},
    };
    use tonic::{Request, Response, Status};

    use super::*;

    /// Counts ticks; of three one fails, one says that there is more, one is all.
    #[derive(Clone, Default)]
    struct Counting(Arc<AtomicUsize>);

    #[tonic::async_trait]
    impl OperationsService for Counting {
        async fn tick(&self, _: Request<TickRequest>) -> Result<Response<TickResponse>, Status> {
            match self.0.fetch_add(1, SeqCst) % 3 {
                0 => Err(Status::unavailable("not now")),
                number => Ok(Response::new(TickResponse { done: Vec::new(), more: number == 1 })),
            }
        }

        async fn list_inbox(
            &self,
            _: Request<ListInboxRequest>,
        ) -> Result<Response<ListInboxResponse>, Status> {
            Err(Status::unimplemented("the clock ticks"))
        }

        async fn replay_inbox(
            &self,
            _: Request<ReplayInboxRequest>,
        ) -> Result<Response<ReplayInboxResponse>, Status> {
            Err(Status::unimplemented("the clock ticks"))
        }

        async fn erase_person(
            &self,
            _: Request<ErasePersonRequest>,
        ) -> Result<Response<ErasePersonResponse>, Status> {
            Err(Status::unimplemented("the clock ticks"))
        }
    }

    #[tokio::test]
    async fn every_service_is_told_again_and_again_whatever_it_answers() {
        let ctx = Context::new("counting", false);
        let mut services = Vec::new();
        let counters = [Counting::default(), Counting::default()];
        for counting in &counters {
            let listener = chassis::bind([127, 0, 0, 1].into(), 0).await.unwrap();
            services
                .push(("counting", format!("http://{}", listener.local_addr().unwrap()).parse().unwrap()));
            let grpc =
                Grpc::new(proto::FILE_DESCRIPTOR_SET).add(OperationsServiceServer::new(counting.clone()));
            tokio::spawn(chassis::serve(listener, grpc.into(), ctx.clone()));
        }
        // one that is not there holds up nobody
        services.push(("gone", "http://127.0.0.1:9".parse().unwrap()));
        let step = Duration::from_millis(2);
        let clock = Clock::with(Policy { attempts: 1, base: step, cap: step }, &services).unwrap();
        let deadline = Instant::now() + Duration::from_secs(20);
        while counters.iter().any(|counting| counting.0.load(SeqCst) < 9) {
            assert!(Instant::now() < deadline, "the ticks never came");
            tokio::time::sleep(step).await;
        }
        clock.stop().await;
        let told: Vec<_> = counters.iter().map(|counting| counting.0.load(SeqCst)).collect();
        tokio::time::sleep(10 * step).await;
        let now: Vec<_> = counters.iter().map(|counting| counting.0.load(SeqCst)).collect();
        assert_eq!(now, told, "nothing is begun once it has stopped");
        ctx.shutdown.cancel();
    }

    #[test]
    fn a_minute_is_about_a_minute() {
        let waits: Vec<_> = (0..100).map(|_| equal_jitter(&EVERY, 1).as_secs()).collect();
        assert!(
            waits.iter().all(|wait| (40..=80).contains(wait)) && waits.iter().any(|wait| *wait != waits[0])
        );
    }
}
