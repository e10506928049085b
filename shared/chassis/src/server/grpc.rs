//! A gRPC server with what every one has: health, reflection, and a scope around each call.
//!
//! The invariant: health and reflection name exactly the services that were added.

use std::convert::Infallible;

use axum::{Router, middleware, response::IntoResponse};
use http::Request;
use tokio_util::task::TaskTracker;
use tonic::{body::Body, server::NamedService, service::Routes};
use tonic_health::{
    ServingStatus,
    pb::health_server::HealthServer,
    server::{HealthReporter, HealthService},
};
use tonic_reflection::server::v1::{ServerReflection, ServerReflectionServer};
use tower::Service;

use super::call::{Calls, observe};
use crate::Tick;

/// Name of the health service; its calls come every few seconds and are not worth a span.
pub(super) const HEALTH: &str = "grpc.health.v1.Health";
const REFLECTION: &str = "grpc.reflection.v1.ServerReflection";

/// gRPC services, served together.
#[derive(Debug)]
pub struct Grpc {
    descriptors: &'static [u8],
    names: Vec<&'static str>,
    routes: Routes,
    tick: Option<Tick>,
}

// === impl Grpc ===

impl Grpc {
    /// A server without services. `descriptors` is the encoded descriptor set of those to come, for reflection.
    pub fn new(descriptors: &'static [u8]) -> Self {
        Self { descriptors, names: Vec::new(), routes: Routes::default(), tick: None }
    }

    /// Adds `service` and its health.
    #[must_use]
    #[expect(clippy::should_implement_trait, reason = "nobody takes a server for a number")]
    pub fn add<S>(mut self, service: S) -> Self
    where
        S: Service<Request<Body>, Error = Infallible> + NamedService + Clone + Send + Sync + 'static,
        S::Response: IntoResponse,
        S::Future: Send + 'static,
    {
        self.names.push(S::NAME);
        self.routes = self.routes.add_service(service);
        self
    }

    /// Opens the door of `tick`, [`crate::tick::PATH`], on the same port. Who may knock is a matter of whoever lets
    /// callers through to this server.
    #[must_use]
    pub fn tick(self, tick: Tick) -> Self {
        Self { tick: Some(tick), ..self }
    }

    /// The routes of everything, and the switch of its health. Calls in flight are counted in `calls`.
    pub(super) async fn build(self, name: &'static str, calls: TaskTracker) -> (Router, Health) {
        let health = Health::new(&self.names).await;
        let mut served = self.names.clone();
        served.extend([HEALTH, REFLECTION]);
        let reflection = reflection(self.descriptors, &served);
        let routes = self
            .routes
            .add_service(HealthServer::new(HealthService::from_health_reporter(health.reporter.clone())));
        let routes = routes.add_service(reflection).prepare();
        let observed = middleware::from_fn_with_state(Calls::new(name, served, calls), observe);
        let routes = routes.into_axum_router().layer(observed);
        let door = self.tick.map_or_else(Router::new, |tick| tick.door(name));
        (routes.merge(door), health)
    }
}

/// # Panics
/// If the descriptors are not what the compiler wrote: a fault of the build.
fn reflection(descriptors: &'static [u8], served: &[&str]) -> ServerReflectionServer<impl ServerReflection> {
    let builder = tonic_reflection::server::Builder::configure()
        .register_encoded_file_descriptor_set(descriptors)
        .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET);
    let builder = served.iter().fold(builder, |builder, name| builder.with_service_name(*name));
    builder.build_v1().expect("descriptors are those of the compiler")
}

/// The health of the services of one server. The probe leaves the service's name unset, which is `""`.
pub(super) struct Health {
    reporter: HealthReporter,
    names: Vec<&'static str>,
}

// === impl Health ===

impl Health {
    async fn new(names: &[&'static str]) -> Self {
        let mut health = Self { reporter: HealthReporter::new(), names: vec![""] };
        health.names.extend(names);
        health.report(ServingStatus::Serving).await;
        health
    }

    /// Tells everybody that this server is leaving.
    pub(super) async fn stop(&self) {
        self.report(ServingStatus::NotServing).await;
    }

    /// Ends the streams of those who watch, which would hold their connections open.
    pub(super) async fn forget(mut self) {
        for name in self.names {
            self.reporter.clear_service_status(name).await;
        }
    }

    async fn report(&self, status: ServingStatus) {
        for name in &self.names {
            self.reporter.set_service_status(*name, status).await;
        }
    }
}
