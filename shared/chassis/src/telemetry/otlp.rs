//! Export of traces and metrics over OTLP.
//!
//! The invariant: no collector, or a bad address of one, never keeps a process from starting.

use std::time::Duration;

use opentelemetry::{KeyValue, global};
use opentelemetry_otlp::{ExporterBuildError, MetricExporter, SpanExporter, WithExportConfig as _};
use opentelemetry_sdk::{
    Resource,
    metrics::{Aggregation, Instrument, InstrumentKind, SdkMeterProvider, Stream},
    trace::SdkTracerProvider,
};

use crate::request_id;

/// Limit of one export, within the limit of the last flush.
const EXPORT_TIMEOUT: Duration = Duration::from_secs(2);

/// Bounds of the buckets of durations, in seconds: those that the conventions advise, and more at both ends, since a
/// session is served again within a millisecond and a chat stays open for minutes.
const SECONDS: [f64; 19] = [
    0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0, 30.0,
    60.0, 300.0,
];

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
        let metrics =
            SdkMeterProvider::builder().with_periodic_exporter(metrics.build()?).with_view(in_seconds);
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

/// A histogram of seconds; the SDK's own bounds are for milliseconds, and everything would be in one bucket.
fn in_seconds(instrument: &Instrument) -> Option<Stream> {
    if instrument.kind() != InstrumentKind::Histogram || instrument.unit() != "s" {
        return None;
    }
    let boundaries = SECONDS.to_vec();
    let buckets = Aggregation::ExplicitBucketHistogram { boundaries, record_min_max: true };
    Stream::builder().with_aggregation(buckets).build().ok()
}

/// What all that this process exports belongs to. Instances are told apart, for each counts for itself.
fn resource(name: &'static str) -> Resource {
    let own = [
        KeyValue::new("service.instance.id", request_id::make()),
        KeyValue::new("service.version", env!("CARGO_PKG_VERSION")),
    ];
    Resource::builder().with_service_name(name).with_attributes(own).build()
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use opentelemetry::metrics::MeterProvider as _;
    use opentelemetry_sdk::{
        error::OTelSdkResult,
        metrics::{
            Temporality,
            data::{AggregatedMetrics, MetricData, ResourceMetrics},
            exporter::PushMetricExporter,
        },
    };

    use super::*;

    /// Keeps the bounds of the histograms that it is sent.
    #[derive(Clone, Default)]
    struct Bounds(Arc<Mutex<Vec<Named>>>);

    type Named = (String, Vec<f64>);

    impl PushMetricExporter for Bounds {
        async fn export(&self, sent: &ResourceMetrics) -> OTelSdkResult {
            for metric in sent.scope_metrics().flat_map(|scope| scope.metrics()) {
                let AggregatedMetrics::F64(MetricData::Histogram(histogram)) = metric.data() else {
                    continue;
                };
                let bounds = histogram.data_points().flat_map(|point| point.bounds()).collect();
                self.0.lock().unwrap().push((metric.name().to_owned(), bounds));
            }
            Ok(())
        }

        fn force_flush(&self) -> OTelSdkResult {
            Ok(())
        }

        fn shutdown_with_timeout(&self, _: Duration) -> OTelSdkResult {
            Ok(())
        }

        fn temporality(&self) -> Temporality {
            Temporality::Cumulative
        }
    }

    #[test]
    fn durations_are_told_apart_below_and_above_a_second() {
        let bounds = Bounds::default();
        let provider =
            SdkMeterProvider::builder().with_periodic_exporter(bounds.clone()).with_view(in_seconds);
        let provider = provider.build();
        let meter = provider.meter("test");
        meter.f64_histogram("seconds").with_unit("s").build().record(0.02, &[]);
        meter.f64_histogram("bytes").with_unit("By").build().record(20.0, &[]);
        provider.force_flush().unwrap();
        let bounds = bounds.0.lock().unwrap().clone();
        let of = |name| bounds.iter().find(|(is, _)| is == name).unwrap().1.clone();
        assert_eq!(of("seconds"), SECONDS);
        assert_ne!(of("bytes"), SECONDS);
        assert!(SECONDS.is_sorted());
    }
}
