import base64
import json

import pytest
from google.protobuf.json_format import MessageToDict
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue

from testbed.evidence.telemetry.spans import from_json, from_protobuf, joined

TRACE, SPAN = bytes(range(16)), bytes(range(8))


def message(name="query", kind=3, attributes=(), status=0, events=(), count=1):
    made = ExportTraceServiceRequest()
    resource = made.resource_spans.add()
    resource.resource.attributes.extend(pairs(("service.name", "orders"), ("service.instance.id", "orders-1")))
    scope = resource.scope_spans.add()
    for _ in range(count):
        span = scope.spans.add(name=name, kind=kind, trace_id=TRACE, span_id=SPAN, parent_span_id=SPAN[::-1])
        span.start_time_unix_nano, span.end_time_unix_nano = 10**18, 10**18 + 812_000_000
        span.attributes.extend(pairs(*attributes))
        span.status.code = status
        for event, *about in events:
            span.events.add(name=event).attributes.extend(pairs(*about))
    return made


def pairs(*items):
    return [
        KeyValue(key=k, value=AnyValue(int_value=v) if isinstance(v, int) else AnyValue(string_value=v))
        for k, v in items
    ]


def read(**made):
    (one,) = from_protobuf(message(**made).SerializeToString())
    return one


def test_a_span_is_an_event_of_its_service():
    one = read(attributes=[("db.statement", "SELECT *\n  FROM stock"), ("db.system", "sqlite")])
    assert one.trace == TRACE.hex()
    event = one.event
    assert (event.service, event.place, event.kind, event.name) == ("orders", "orders-1", "client", "query")
    assert (event.text, event.start, event.duration_ms) == ("SELECT * FROM stock", 1e9, 812.0)
    assert (event.span, event.parent, event.failed, event.notes) == (SPAN.hex(), SPAN[::-1].hex(), False, ())


@pytest.mark.parametrize(
    ("attributes", "text"),
    [
        ([], "query"),
        ([("db.query.text", "GET k")], "GET k"),
        ([("url.full", "http://stock/1"), ("http.request.method", "POST")], "POST http://stock/1"),
        ([("http.url", "http://stock/1"), ("http.method", "GET"), ("http.status_code", 500)], "GET http://stock/1"),
    ],
)
def test_what_it_did(attributes, text):
    assert read(attributes=attributes).event.text == text


def test_a_failed_span_says_why_and_its_events_are_notes():
    exception = ("exception", ("exception.type", "TimeoutError"), ("exception.message", "late"))
    event = read(status=2, attributes=[("error.type", "timeout")], events=[exception, ("breaker open",)]).event
    assert (event.failed, event.why) == (True, "timeout")
    assert event.notes == ("exception TimeoutError: late", "breaker open")


def test_texts_and_events_are_bounded():
    event = read(name="x" * 5000, kind=99, events=[("e" * 5000,)] * 50).event
    assert (len(event.name), len(event.text), event.kind) == (300, 300, "internal")
    assert [len(note) for note in event.notes] == [300] * 8


def test_json_says_the_same_with_ids_in_hex():
    made = message(attributes=[("db.statement", "SELECT 1"), ("n", 7)], events=[("breaker open",)], status=2)
    data = MessageToDict(made)
    for span in data["resourceSpans"][0]["scopeSpans"][0]["spans"]:
        for key in ("traceId", "spanId", "parentSpanId"):
            span[key] = base64.b64decode(span[key]).hex()
        span["kind"], span["someNewField"] = 3, 1
    assert from_json(json.dumps(data).encode()) == from_protobuf(made.SerializeToString())


@pytest.mark.parametrize("data", [b"[]", b"oops", b'{"resourceSpans": 5}', b'{"traceId": "xyz"}', b"\xff"])
def test_what_is_no_export_is_refused(data):
    with pytest.raises(ValueError):  # noqa: PT011 (each has its own text)
        from_json(data)
    with pytest.raises(ValueError, match="not an export of OTLP"):
        from_protobuf(b"\xff" + data)


def test_spans_are_joined_with_requests_by_their_trace():
    one = read()
    (event,) = joined([one], {TRACE.hex(): "r1.000001"})
    assert event.request == "r1.000001"
    assert joined([one], {"00" * 16: "r1.000001"}) == []
