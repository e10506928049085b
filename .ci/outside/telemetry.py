#!/usr/bin/env python3
"""What Frontdesk tells a collector, as others read it.

usage: telemetry.py BINARY_DIR

Starts the services as processes of their own in the cloud's way of logging, and asks as a browser that traces. The
collector decodes with the published protos; names and units are held against the published semantic conventions.
"""

import ast
import json
import pathlib
import secrets
import sys
import tempfile

from fleet import CHAT, CLOUD, EVENTS, EVENTS_SECRET, ORIGIN, REFRESH, SERVICES, SESSION, STRIPE, Fleet, events, say
from opentelemetry.semconv import _incubating
from opentelemetry.semconv._incubating.metrics import http_metrics, rpc_metrics
from otlp import Collector, until

PROJECT = CLOUD["GOOGLE_CLOUD_PROJECT"]
# Attributes of our own.
OURS = {"request.id"}
ON_SERVERS = {
    "gateway": {"http.request.method", "http.route", "http.response.status_code", "url.scheme", "request.id"},
    "others": {"rpc.system.name", "rpc.method", "rpc.response.status_code", "request.id"},
}
ON_CLIENTS = {"http.request.method", "http.response.status_code", "server.address", "server.port", "url.scheme"}
NUMBERS = {"http.response.status_code", "server.port"}
SEVERITIES = {"DEBUG", "INFO", "WARNING", "ERROR"}


def conventions():
    """Names of attributes that the conventions know, and of those that they have given up."""
    known, given_up = set(), set()
    for path in pathlib.Path(_incubating.__path__[0], "attributes").glob("*.py"):
        body = ast.parse(path.read_text(encoding="utf-8")).body
        for constant, about in zip(body, body[1:]):
            if isinstance(constant, ast.AnnAssign) and isinstance(constant.value, ast.Constant):
                text = ast.literal_eval(about.value) if isinstance(about, ast.Expr) else ""
                # What has become stable has moved within the package.
                gone = text.strip().startswith("Deprecated:")
                (given_up if gone else known).add(constant.value.value)
    assert "url.scheme" in known and "rpc.service" in given_up, "the conventions were not read"
    return known, given_up


class Meter:
    """Takes down what the conventions would create."""

    def create_histogram(self, name, description="", unit=""):
        return name, unit

    create_up_down_counter = create_histogram


HTTP_SERVER, ACTIVE, HTTP_CLIENT, RPC_SERVER = (
    create(Meter())
    for create in (
        http_metrics.create_http_server_request_duration,
        http_metrics.create_http_server_active_requests,
        http_metrics.create_http_client_request_duration,
        rpc_metrics.create_rpc_server_call_duration,
    )
)
METRICS = {"gateway": [HTTP_SERVER, ACTIVE]} | dict.fromkeys(SERVICES[:3], [RPC_SERVER, HTTP_CLIENT])


class Browser:
    """A page that begins a trace."""

    def __init__(self):
        self.trace, self.span = secrets.token_hex(16), secrets.token_hex(8)
        self.headers = {"traceparent": f"00-{self.trace}-{self.span}-01", "origin": ORIGIN}


class Judge:
    def __init__(self, fleet, collector):
        self.fleet, self.collector = fleet, collector

    def trace(self, browser, what, expected):
        """The one trace of a request: `expected` holds (service, kind, name, who its parent is)."""

        def whole():
            spans = self.collector.of_trace(browser.trace)
            return spans if all(self.find(spans, one) for one in expected) else None

        there = lambda: f"{what}: the spans {expected}; there are {self.collector.of_trace(browser.trace)}"
        spans = until(whole, there)
        ids = {span.id for span in spans}
        for span in spans:
            assert span.parent in ids | {browser.span}, f"{what}: a hole above {span}"
        roots = [span for span in spans if span.parent == browser.span]
        assert [span.service for span in roots] == ["gateway"], f"{what}: below the browser's span: {roots}"
        for service, kind, name, above in expected:
            span = self.find(spans, (service, kind, name, above))[0]
            parent = next((parent for parent in spans if parent.id == span.parent), None)
            found = f"{parent.service} {parent.kind}" if parent else "browser"
            assert found == above, f"{what}: the parent of {span} is {found}, not {above}"
        return spans

    @staticmethod
    def find(spans, expected):
        service, kind, name, _ = expected
        return [span for span in spans if (span.service, span.kind, span.name) == (service, kind, name)]

    def provider_call(self, browser, what, path, spans):
        """What the provider saw is the span of the call."""
        seen = [headers["traceparent"] for asked, headers in self.fleet.provider.asked
                if path in asked and browser.trace in headers.get("traceparent", "")]
        assert seen, f"{what}: no call to {path} carries the browser's trace"
        for traceparent in seen:
            span = next((span for span in spans if span.id == traceparent.split("-")[2]), None)
            assert span and span.kind == "CLIENT", f"{what}: the call to {path} was made under {span}"
            assert span.attributes["server.port"] == self.fleet.provider.port, span
        return len(seen)


def server(service, method, above="gateway SERVER"):
    return service, "SERVER", f"frontdesk.{method}", above


def client(service):
    return service, "CLIENT", "POST", f"{service} SERVER"


def door(path):
    return "gateway", "SERVER", f"POST {path}", "browser"


def stories(judge):
    """One request each; answers all their spans."""
    fleet, all_spans = judge.fleet, []

    def told(browser, what, expected, *paths):
        spans = judge.trace(browser, what, expected)
        calls = sum(judge.provider_call(browser, what, path, spans) for path in paths)
        all_spans.extend(spans)
        print(f"telemetry: {what}: one trace, {len(spans)} spans, {calls} calls to a provider")

    mint = server("session-broker", "session.v1.SessionService/CreateSession")
    browser = Browser()
    answer = fleet.post(SESSION, {"modes": ["hosted"], "traits": {"utm_source": "yt"}}, **browser.headers)
    assert answer.status_code == 200, answer.text
    hosted = answer.json()
    told(browser, "a hosted session", [door(SESSION), mint, client("session-broker")], "/chatkit/sessions")

    browser = Browser()
    refresh = {"modes": ["hosted"], "currentClientSecret": hosted["client_secret"], "visitorToken": hosted["visitor_token"]}
    assert fleet.post(REFRESH, refresh, **browser.headers).status_code == 200
    renew = server("session-broker", "session.v1.SessionService/RefreshSession")
    told(browser, "a refresh", [door(REFRESH), renew, client("session-broker")], "/chatkit/sessions")

    browser = Browser()
    turn = {"type": "chat.turn", "session_id": "ck_1", "message": "Hello", "score": 0.9}
    assert fleet.post(EVENTS, turn, x_frontdesk_secret=EVENTS_SECRET, **browser.headers).status_code == 202
    told(browser, "an event", [door(EVENTS), server("sheets-writer", "sheets.v1.EventService/IngestEvents")])

    browser = Browser()
    secret = fleet.session(**browser.headers)["client_secret"]
    told(browser, "a session of our own", [door(SESSION), mint])

    browser = Browser()
    said = events(fleet.post(CHAT, say("I am Ann, ann@example.com, and I want to buy"),
                             authorization=f"Bearer {secret}", **browser.headers))
    assert said[-1]["type"] != "error", said[-1]
    turn = [
        door(CHAT), server("chat-agent", "chat.v1.ChatService/Process"), client("chat-agent"),
        server("sheets-writer", "sheets.v1.LeadService/SaveLead", "chat-agent SERVER"),
        server("sheets-writer", "sheets.v1.EventService/RecordEvents", "chat-agent SERVER"),
    ]
    told(browser, "a turn of a chat", turn, "/moderations", "/responses")

    browser = Browser()
    answer = fleet.post(STRIPE, {"type": "charge.refunded"}, **browser.headers)
    assert answer.status_code == 401, answer.text
    receive = server("booking-payments", "common.v1.WebhookService/ReceiveWebhook")
    told(browser, "a webhook that nobody signed", [door(STRIPE), receive])

    browser = Browser()
    fleet.provider.fail("/chatkit/sessions", 503, times=2)
    answer = fleet.post(SESSION, {"modes": ["hosted"]}, **browser.headers)
    assert answer.status_code == 503, answer.text
    told(browser, "a provider that fails", [door(SESSION), mint, client("session-broker")], "/chatkit/sessions")
    for span in judge.collector.of_trace(browser.trace):
        assert span.attributes.get("error.type") and (span.failed or span.kind == "SERVER"), f"not told as failed: {span}"
    # Every recorded turn and every batch of rows: no span of ours stands outside of a trace of the browser's.
    stray = [span for span in judge.collector.spans if span.kind == "SERVER" and not span.parent]
    assert not stray, f"requests without a parent: {stray}"
    return all_spans


def attributes(spans):
    known, given_up = conventions()
    for span in spans:
        names = set(span.attributes)
        assert not names & given_up, f"given up by the conventions: {names & given_up} of {span}"
        assert names <= known | OURS, f"nobody knows {names - known - OURS} of {span}"
        on_server = ON_SERVERS["gateway" if span.service == "gateway" else "others"]
        needed = on_server if span.kind == "SERVER" else ON_CLIENTS
        assert needed <= names, f"{needed - names} missing in {span}"
        for name in names & NUMBERS:
            assert isinstance(span.attributes[name], int), f"{name} is no number in {span}"
        assert 0 < span.seconds < 30, f"{span.seconds} s took {span}"
        for name in ("service.version", "service.instance.id", "telemetry.sdk.language"):
            assert span.resource.get(name), f"no {name} in the resource of {span}"
    services = {span.service for span in spans}
    assert services == set(SERVICES), services
    instances = {span.resource["service.instance.id"] for span in spans}
    assert len(instances) == len(SERVICES), f"instances cannot be told apart: {instances}"
    print(f"telemetry: {len(spans)} spans of {len(services)} services in the words of the conventions")


def metrics(collector):
    for service, expected in METRICS.items():
        for name, unit in expected:
            metric = until(lambda: collector.points.get((service, name)), f"{service} tells {name}")
            assert metric.unit == unit and metric.description, f"{service}: {name} in {metric.unit!r}, not {unit!r}"
            if name == ACTIVE[0]:
                assert not metric.sum.is_monotonic, f"{name} only grows"
                left = sum(point.as_int for point in metric.sum.data_points)
                assert left == 0, f"{service}: {left} requests are never over"
                continue
            points = metric.histogram.data_points
            for point in points:
                bounds = list(point.explicit_bounds)
                assert 0.005 in bounds and 10 in bounds, f"{name}: buckets that tell nothing: {bounds}"
                assert 0 < point.min <= point.max < 30 and point.sum >= point.max, f"{name}: {point}"
                assert sum(point.bucket_counts) == point.count, f"{name}: {point}"
        names = sorted(name for of, name in collector.points if of == service)
        print(f"telemetry: {service} counts {', '.join(names)}")


def logs(fleet, collector):
    """Every line is one that Cloud Logging reads, and leads to its span."""
    spans = {span.id: span for span in collector.spans}
    for service, said in fleet.said().items():
        lines = [json.loads(line) for line in said.splitlines() if line.strip()]
        assert lines and all(line["severity"] in SEVERITIES and line["time"] and line["message"] for line in lines)
        within = [line for line in lines if "request.id" in line]
        for line in within:
            trace, span = line["logging.googleapis.com/trace"], line["logging.googleapis.com/spanId"]
            assert span in spans, f"{service}: a line of a span that was never exported: {line}"
            assert trace == f"projects/{PROJECT}/traces/{spans[span].trace}", f"{service}: {trace}"
            assert spans[span].service == service and line["logging.googleapis.com/trace_sampled"] is True, line
        assert within, f"{service} logged nothing of a request"
        print(f"telemetry: {service} logged {len(lines)} lines, {len(within)} of them with trace and span")


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    with Collector() as collector, tempfile.TemporaryDirectory() as scratch:
        settings = {
            "RUST_LOG": "info,chassis=debug",
            "OTEL_EXPORTER_OTLP_ENDPOINT": collector.url,
            "OTEL_BSP_SCHEDULE_DELAY": "100",
            "OTEL_METRIC_EXPORT_INTERVAL": "500",
        }
        with Fleet(sys.argv[1], scratch, CLOUD | settings) as fleet:
            spans = stories(Judge(fleet, collector))
            # What is still held is sent on the way out.
            fleet.stop()
            attributes(spans)
            metrics(collector)
            logs(fleet, collector)


main()
