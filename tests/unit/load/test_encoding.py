"""What a request is in the protocol of the entry, and what is refused before anything is sent."""

from __future__ import annotations

import json
from typing import Any

import pytest

from testbed.errors import TestbedError
from testbed.load.encoding import encoding_for
from testbed.load.schedule import Schedule, ScheduledRequest
from testbed.load.workload import RequestTemplate, constant_rate, get, post, unary
from testbed.spec.topology import Topology

METHOD = "/shop.v1.Stock/Get"


def entry(protocol: str, **service: Any) -> Topology:
    services = {"front": {**(service or {"language": "go"}), "protocol": protocol}}
    return Topology.model_validate({"name": "t", "entry": "front", "services": services})


def own(protocol: str) -> Topology:
    return entry(protocol, command="front")


def first(template: RequestTemplate, topology: Topology, **more: Any) -> ScheduledRequest:
    shape = constant_rate(template, rps=10, **more)
    return encoding_for(shape, topology).wire(Schedule(shape, 1).take(0.1)[0])


@pytest.mark.parametrize("protocol", ["http", "http2"])
@pytest.mark.parametrize("kind", [entry, own])
def test_http_takes_requests_as_they_are(protocol: str, kind: Any) -> None:
    sent = first(post("/cart", b"x"), kind(protocol))
    assert (sent.method, sent.path, sent.body) == ("POST", "/cart", b"x")
    assert encoding_for(constant_rate(get("/"), rps=1), kind(protocol)).protocol == protocol


def test_a_stub_that_speaks_grpc_takes_the_same_requests_as_messages() -> None:
    sent = first(get("/price?id=1", headers={"x-tenant": "oslo"}), entry("grpc"), cohorts={"all": "100%"})
    assert (sent.method, sent.path) == ("POST", "/testbed.v1.Stub/Call")
    assert json.loads(sent.body) == {"method": "GET", "path": "/price?id=1"}
    assert sent.headers["x-tenant"] == "oslo"
    assert sent.headers["baggage"].startswith("tb.id=r000001,tb.user=u")
    assert sent.headers["baggage"].endswith(",tb.cohort=all")


def test_a_service_of_ones_own_is_called_by_its_method_with_an_encoded_message() -> None:
    assert first(unary(METHOD), own("grpc")).body == b""
    sent = first(unary(METHOD, b"\x0a\x02no", metadata={"x-tenant": "oslo"}), own("grpc"))
    assert (sent.method, sent.path, sent.body) == ("POST", METHOD, b"\x0a\x02no")
    assert sent.headers["x-tenant"] == "oslo"


@pytest.mark.parametrize(
    ("template", "topology", "words"),
    [
        (unary(METHOD), entry("http"), r"a load of unary /shop.v1.Stock/Get: the entry front speaks http and not gRPC"),
        (unary(METHOD), own("http2"), r"the entry front speaks http2 and not gRPC: use get\(...\) or post\(...\)"),
        (get("/"), own("grpc"), r"a load of GET /: the entry front speaks gRPC: use unary\('/package.Service/Met"),
        (unary(METHOD), entry("grpc"), r"the entry front speaks gRPC: use get\('/path'\), as to a stub that speaks H"),
        (post("/cart", b"x"), entry("grpc"), "is a stub that speaks gRPC; its messages have .* no body"),
        (get("/", headers={"Content-Type": "a/b"}), entry("grpc"), "speaks gRPC, which sets 'Content-Type' itself"),
        (unary(METHOD, metadata={"grpc-timeout": "1S"}), own("grpc"), "speaks gRPC, which sets 'grpc-timeout' itself"),
    ],
)
def test_what_the_entry_does_not_know_is_refused(template: RequestTemplate, topology: Topology, words: str) -> None:
    with pytest.raises(TestbedError, match=words):
        encoding_for(constant_rate(template, rps=1), topology)


def test_a_header_of_users_is_looked_at_as_well() -> None:
    with pytest.raises(TestbedError, match="which sets 'te' itself"):
        encoding_for(constant_rate(get("/"), rps=1, user_headers={"te": "{user}"}), entry("grpc"))


@pytest.mark.parametrize("method", ["shop.v1.Stock/Get", "/Get", "/shop.v1.Stock/", "/a/b/c", "/a b/c", ""])
def test_what_is_no_method_is_refused(method: str) -> None:
    with pytest.raises(TestbedError, match="is not a gRPC method: write '/package.Service/Method'"):
        unary(method)


def test_a_message_is_encoded_beforehand() -> None:
    with pytest.raises(TestbedError, match=r"message must be bytes \(encode it first\), not 'no'"):
        unary(METHOD, "no")  # type: ignore[arg-type]
