"""Reads spans from an OTLP message, in protobuf or JSON. Pure. `opentelemetry-proto` is needed."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from testbed.history.events import SpanEvent
from testbed.masking.texts import without_logins
from testbed.spec import private

MOST_TEXT = 300  # characters of a text of a span
MOST_NOTES = 8  # events of a span
KINDS = ("internal", "internal", "server", "client", "producer", "consumer")  # by number in OTLP
ERROR = 2  # the status of a failed span
TEXTS = ("db.query.text", "db.statement", "url.full", "http.url")  # attributes that say what a span did
_IDS = {"traceId", "spanId", "parentSpanId", "trace_id", "span_id", "parent_span_id"}


@dataclass(frozen=True, slots=True)
class Received:
    """A span with its trace; the event names no request yet."""

    trace: str
    event: SpanEvent


def from_protobuf(data: bytes) -> list[Received]:
    """Return the spans of an `ExportTraceServiceRequest`. Raises `ValueError` for anything else."""
    from google.protobuf.message import DecodeError
    from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

    try:
        return list(_spans(ExportTraceServiceRequest.FromString(data)))
    except DecodeError as error:
        raise ValueError(f"not an export of OTLP: {error}") from None


def from_json(data: bytes) -> list[Received]:
    """Return the spans of the same message in JSON, which has its ids in hex. Raises `ValueError` for anything else."""
    from google.protobuf.json_format import ParseDict, ParseError
    from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

    try:
        found = json.loads(data, object_hook=_with_bytes)
        if not isinstance(found, dict):
            raise ValueError("not an export of OTLP: not a JSON object")
        return list(_spans(ParseDict(found, ExportTraceServiceRequest(), ignore_unknown_fields=True)))
    except (ParseError, RecursionError) as error:
        raise ValueError(f"not an export of OTLP: {error}") from None


def _with_bytes(found: dict[str, Any]) -> dict[str, Any]:
    """Turn the ids of OTLP's JSON from hex into base64, which the JSON of protobuf has."""
    for key in _IDS & found.keys():
        found[key] = base64.b64encode(bytes.fromhex(str(found[key]))).decode()
    return found


def _spans(message: Any) -> Iterator[Received]:
    for resource in message.resource_spans:
        about = _attributes(resource.resource.attributes)
        service, place = about.get("service.name", ""), about.get("service.instance.id", "")
        for scope in resource.scope_spans:
            for span in scope.spans:
                yield Received(span.trace_id.hex(), _event(span, service[:MOST_TEXT], place[:MOST_TEXT]))


def _event(span: Any, service: str, place: str) -> SpanEvent:
    said = _attributes(span.attributes)
    failed = span.status.code == ERROR
    return SpanEvent(
        request="",
        service=service,
        place=place,
        name=span.name[:MOST_TEXT],
        text=_text(span.name, said),
        kind=KINDS[span.kind] if span.kind < len(KINDS) else "internal",
        start=span.start_time_unix_nano / 1e9,
        duration_ms=max(0, span.end_time_unix_nano - span.start_time_unix_nano) / 1e6,
        failed=failed,
        why=(span.status.message or said.get("error.type", "") if failed else "")[:MOST_TEXT],
        span=span.span_id.hex(),
        parent=span.parent_span_id.hex(),
        notes=tuple(_note(event) for event in list(span.events)[:MOST_NOTES]),
    )


def _text(name: str, said: Mapping[str, str]) -> str:
    """Return what a span did: the statement, method and URL, or its name."""
    found = next((said[key] for key in TEXTS if said.get(key)), "")
    method = said.get("http.request.method") or said.get("http.method") or ""
    if found and (said.get("url.full") or said.get("http.url")) == found:
        found = f"{method} {private.path(found)}".strip()
    return without_logins(" ".join((found or name).split()))[:MOST_TEXT]


def _note(event: Any) -> str:
    said = _attributes(event.attributes)
    about = ": ".join(filter(None, (said.get("exception.type", ""), said.get("exception.message", ""))))
    return f"{event.name} {about}".strip()[:MOST_TEXT]


def _attributes(pairs: Iterable[Any]) -> dict[str, str]:
    """Return the attributes with simple values, as texts."""
    values = {pair.key: (pair.value, pair.value.WhichOneof("value")) for pair in pairs}
    return {key: str(getattr(value, kind)) for key, (value, kind) in values.items() if kind in _SIMPLE}


_SIMPLE = {"string_value", "bool_value", "int_value", "double_value"}


def joined(spans: Iterable[Received], requests: Mapping[str, str]) -> list[SpanEvent]:
    """Return the spans of these traces (trace id -> request id), in order of their start; all others are left out."""
    mine = (replace(one.event, request=requests[one.trace]) for one in spans if one.trace in requests)
    return sorted(mine, key=lambda event: event.start)
