//! Export of traces and metrics over OTLP.
//!
//! The invariant: no collector, or a bad address of one, never keeps a process from starting.

use std::time::Duration;

use opentelemetry::global;
use opentelemetry_otlp::{ExporterBuildError, MetricExporter, SpanExporter, WithExportConfig as _};
use opentelemetry_sdk::{Resource, metrics::SdkMeterProvider, trace::SdkTracerProvider};

/// Limit of one export, within the limit of the last flush.
const EXPORT_TIMEOUT: Duration = Duration::from_secs(2);

/// Where spans and measurements go.
#[derive(Debug)]
pub(super) struct Providers {
    pub(super) traces: SdkTracerProvider,
    metrics: Option<SdkMeterProvider>,
}

impl Providers {
    /// Providers that export to the collector at `endpoint`, if there is one; and why they do not, if they cannot.
    pub(super) fn new(name: &'static str, endpoint: Option<&str>) -> (Self, Option<String>) {
        match endpoint.map(|endpoint| Self::exporting(name, endpoint)) {
            Some(Ok(providers)) => {
                providers.metrics.iter().cloned().for_each(global::set_meter_provider);
                (providers, None)
            }
            Some(Err(failure)) => (Self::silent(name), Some(failure.to_string())),
            None => (Self::silent(name), None),
        }
    }

    /// Traces have ids and are carried on, but go nowhere.
    fn silent(name: &'static str) -> Self {
        let traces = SdkTracerProvider::builder().with_resource(resource(name)).build();
        Self { traces, metrics: None }
    }

    fn exporting(name: &'static str, endpoint: &str) -> Result<Self, ExporterBuildError> {
        let spans = SpanExporter::builder()
            .with_tonic()
            .with_endpoint(endpoint)
            .with_timeout(EXPORT_TIMEOUT)
            .build()?;
        let metrics =
            MetricExporter::builder().with_tonic().with_endpoint(endpoint).with_timeout(EXPORT_TIMEOUT);
        let metrics = SdkMeterProvider::builder().with_periodic_exporter(metrics.build()?);
        let traces = SdkTracerProvider::builder().with_batch_exporter(spans);
        Ok(Self {
            traces: traces.with_resource(resource(name)).build(),
            metrics: Some(metrics.with_resource(resource(name)).build()),
        })
    }

    /// Sends what is held. What fails here has been logged by the SDK.
    pub(super) fn shutdown(self) {
        let _ = self.traces.shutdown();
        let _ = self.metrics.map(|metrics| metrics.shutdown());
    }
}

fn resource(name: &'static str) -> Resource {
    Resource::builder().with_service_name(name).build()
}
