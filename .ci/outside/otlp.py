"""A collector that keeps what it is sent: OTLP over gRPC, decoded with the published protos."""

import concurrent.futures
import threading
import time

import grpc
from google.protobuf.json_format import MessageToJson
from opentelemetry.proto.collector.metrics.v1 import metrics_service_pb2 as metrics
from opentelemetry.proto.collector.metrics.v1 import metrics_service_pb2_grpc as metrics_grpc
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2 as traces
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2_grpc as traces_grpc
from opentelemetry.proto.trace.v1.trace_pb2 import Span as Proto


def value(any_value):
    kind = any_value.WhichOneof("value")
    return getattr(any_value, kind) if kind else None


def pairs(attributes):
    return {pair.key: value(pair.value) for pair in attributes}


class Span:
    def __init__(self, resource, span):
        self.service = resource.get("service.name", "")
        self.resource = resource
        self.name = span.name
        self.kind = Proto.SpanKind.Name(span.kind).removeprefix("SPAN_KIND_")
        self.trace, self.id, self.parent = span.trace_id.hex(), span.span_id.hex(), span.parent_span_id.hex()
        self.seconds = (span.end_time_unix_nano - span.start_time_unix_nano) / 1e9
        self.attributes = pairs(span.attributes)
        self.failed = span.status.code == 2

    def __repr__(self):
        return f"{self.service} {self.kind} {self.name!r} {self.id} < {self.parent or 'nothing'} {self.attributes}"


class Collector:
    """Everything that arrives, as long as the `with` block lasts."""

    def __init__(self):
        self.lock = threading.Lock()
        self.forget()
        self.server = grpc.server(concurrent.futures.ThreadPoolExecutor(8))
        traces_grpc.add_TraceServiceServicer_to_server(self.Traces(self), self.server)
        metrics_grpc.add_MetricsServiceServicer_to_server(self.Metrics(self), self.server)
        self.url = f"http://127.0.0.1:{self.server.add_insecure_port('127.0.0.1:0')}"

    def forget(self):
        with self.lock:
            self.spans, self.points, self.texts = [], {}, []

    def __enter__(self):
        self.server.start()
        return self

    def __exit__(self, *_):
        self.server.stop(0)

    class Traces(traces_grpc.TraceServiceServicer):
        def __init__(self, collector):
            self.collector = collector

        def Export(self, request, context):
            keep = self.collector
            with keep.lock:
                keep.texts.append(MessageToJson(request))
                for one in request.resource_spans:
                    resource = pairs(one.resource.attributes)
                    keep.spans += [Span(resource, span) for scope in one.scope_spans for span in scope.spans]
            return traces.ExportTraceServiceResponse()

    class Metrics(metrics_grpc.MetricsServiceServicer):
        def __init__(self, collector):
            self.collector = collector

        def Export(self, request, context):
            keep = self.collector
            with keep.lock:
                keep.texts.append(MessageToJson(request))
                for one in request.resource_metrics:
                    service = pairs(one.resource.attributes).get("service.name", "")
                    for metric in (metric for scope in one.scope_metrics for metric in scope.metrics):
                        # Cumulative: the last one says everything.
                        keep.points[service, metric.name] = metric
            return metrics.ExportMetricsServiceResponse()

    def of_trace(self, trace):
        with self.lock:
            return [span for span in self.spans if span.trace == trace]

    def said(self):
        """All that was exported, as text."""
        with self.lock:
            return "\n".join(self.texts)


def until(condition, what, patience=20):
    """The first answer of `condition` that is not false."""
    end = time.monotonic() + patience
    while True:
        answer = condition()
        if answer:
            return answer
        if time.monotonic() > end:
            raise AssertionError(f"not within {patience} s: {what() if callable(what) else what}")
        time.sleep(0.02)
