"""The receiver is sent to by the real SDK, over HTTP and gRPC, and by hand where the SDK would not."""

import builtins
import gzip
import http.client

import pytest
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter as GrpcExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter as HttpExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor

from testbed.errors import TestbedError, Unavailable
from testbed.evidence.telemetry import receiver as module
from testbed.evidence.telemetry.receiver import SpanReceiver
from tests.unit.evidence.telemetry.test_spans import message

HOST = "127.0.0.1"


@pytest.fixture
def receiver():
    made = SpanReceiver(HOST, 0, 0)
    yield made
    made.close()


def post(receiver, body, kind="application/x-protobuf", path="/v1/traces", **headers):
    connection = http.client.HTTPConnection(HOST, receiver.http_port, timeout=10)
    connection.request("POST", path, body, {"content-type": kind, **headers})
    answer = connection.getresponse()
    found = answer.status, answer.read()
    connection.close()
    return found


@pytest.mark.parametrize("protocol", ["http", "grpc"])
def test_the_sdk_exports_to_it(receiver, protocol):
    http_url, grpc_url = f"http://{HOST}:{receiver.http_port}/v1/traces", f"http://{HOST}:{receiver.grpc_port}"
    exporter = HttpExporter(http_url) if protocol == "http" else GrpcExporter(grpc_url, insecure=True)
    provider = TracerProvider(resource=Resource.create({"service.name": "orders"}))
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    with provider.get_tracer("t").start_as_current_span("outer") as span:
        trace = f"{span.get_span_context().trace_id:032x}"
        with provider.get_tracer("t").start_as_current_span("inner", attributes={"db.statement": "SELECT 1"}):
            pass
    provider.shutdown()
    found = receiver.settled()
    assert [(one.trace, one.event.service, one.event.text) for one in found] == [
        (trace, "orders", "SELECT 1"),
        (trace, "orders", "outer"),
    ]
    assert found[0].event.parent == found[1].event.span


def test_a_new_load_begins_without_the_spans_before(receiver):
    receiver.take(module.spans.from_protobuf(message().SerializeToString()))
    receiver.begin()
    assert receiver.settled() == []


def test_more_spans_than_there_is_room_for_are_counted(receiver, monkeypatch):
    monkeypatch.setattr(module, "MOST_SPANS", 5)
    for _ in range(2):
        receiver.take(module.spans.from_protobuf(message(count=4).SerializeToString()))
    assert (len(receiver.settled()), receiver.dropped) == (5, 3)


def test_a_packed_export_is_unpacked_within_bounds(receiver, monkeypatch):
    data = message(count=3).SerializeToString()
    assert post(receiver, gzip.compress(data), **{"content-encoding": "gzip"}) == (200, b"")
    assert len(receiver.settled()) == 3
    monkeypatch.setattr(module, "MOST_BYTES", 100)
    bomb = gzip.compress(b"0" * 10_000)
    assert post(receiver, bomb, **{"content-encoding": "gzip"}) == (400, b"an export has at most 100 bytes")
    assert post(receiver, b"0" * 200)[0] == 400


def test_what_is_no_export_is_refused_and_metrics_are_not_kept(receiver):
    assert post(receiver, b"\xff\xff")[0] == 400
    assert post(receiver, b"oops", "application/json")[0] == 400
    assert post(receiver, b"oops", path="/v1/metrics") == (200, b"")
    assert post(receiver, b"{}", "application/json") == (200, b"{}")
    assert receiver.settled() == []


def test_a_port_in_use_is_one_message(receiver):
    with pytest.raises(TestbedError, match=f"cannot receive telemetry at {HOST}"):
        SpanReceiver(HOST, receiver.http_port, 0)
    with pytest.raises(TestbedError, match=f"cannot receive telemetry at {HOST}"):
        SpanReceiver(HOST, 0, receiver.grpc_port)


def test_without_the_package_the_way_to_get_it_is_said(monkeypatch):
    real = builtins.__import__

    def missing(name, *rest, **more):
        if name.startswith("opentelemetry"):
            raise ImportError(name)
        return real(name, *rest, **more)

    monkeypatch.setattr(builtins, "__import__", missing)
    with pytest.raises(Unavailable, match=r"pip install 'pytest-testbed\[otel\]'"):
        SpanReceiver(HOST, 0, 0)
