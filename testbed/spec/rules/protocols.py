"""The rules for protocols: what an edge cannot do with its protocol, each with the reason."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from testbed.spec.edges import CLIENT, Edge, Protocol
from testbed.spec.meshes import capabilities
from testbed.spec.problems import FieldPath, Problem

if TYPE_CHECKING:
    from testbed.spec.policies.policy import Policy
    from testbed.spec.spec import Spec

_NO_REQUESTS = "a tcp edge carries connections, not single requests"
_ON_TCP: dict[tuple[str, ...], str] = {
    ("timeout",): f"{_NO_REQUESTS}: use connectionPool.connectTimeout",
    ("retries",): f"{_NO_REQUESTS}: the application must retry",
    ("retryBudget",): f"{_NO_REQUESTS}, so there are no retries",
    ("respectExpectedRqTimeout",): f"{_NO_REQUESTS} with headers",
    ("circuitBreaker", "maxPendingRequests"): f"{_NO_REQUESTS}: use maxConnections",
    ("circuitBreaker", "maxRequests"): f"{_NO_REQUESTS}: use maxConnections",
    ("circuitBreaker", "maxRetries"): f"{_NO_REQUESTS}, so there are no retries",
    ("connectionPool", "maxRequestsPerConnection"): f"{_NO_REQUESTS}: they cannot be counted",
    ("outlierDetection", "consecutiveGatewayErrors"): f"{_NO_REQUESTS}: only failed connections eject a replica "
    "(use consecutive5xxErrors)",
}
"""The policy keys that a tcp edge cannot have, with the reason."""


def misfits(spec: Spec) -> Iterator[Problem]:
    """Yield everything that the protocol of a service makes impossible."""
    yield from _entry(spec)
    yield from _stubs(spec)
    yield from _calls(spec)
    yield from _settings(spec)
    yield from _policies(spec)


def _entry(spec: Spec) -> Iterator[Problem]:
    entry = spec.services.get(spec.entry)
    if entry and entry.protocol == "tcp":
        yield Problem(
            ("services", spec.entry, "protocol"),
            "the entry cannot be tcp, because the load sends requests: use a service with another protocol as entry",
        )


def _stubs(spec: Spec) -> Iterator[Problem]:
    for name, service in spec.services.items():
        place: FieldPath = ("services", name, "protocol")
        if service.protocol == "tcp" and service.language:
            yield Problem(place, "a stub cannot speak tcp: use a custom service (command, image or address)")
        if service.protocol == "http2" and service.language == "python":
            yield Problem(place, "the Python stub does not support http2: use language go or node, or protocol grpc")


def _calls(spec: Spec) -> Iterator[Problem]:
    """Calls that a stub cannot make."""
    for name, service in spec.services.items():
        for _, place, call in service.every_call():
            callee = spec.services.get(call.to)
            if callee and (why := _uncallable(spec, name, callee.protocol)):
                yield Problem(("services", name, *place, "to"), f"{call.to} speaks {callee.protocol}: {why}")


def _uncallable(spec: Spec, caller: str, protocol: Protocol) -> str:
    service = spec.services[caller]
    if protocol == "http" or not service.language:
        return ""
    if protocol == "tcp":
        return "a stub cannot call it"
    if protocol == "http2" and not capabilities(spec.mesh).makes_http2:
        return f"stubs send HTTP/1.1, and mesh {spec.mesh} has no proxy that converts it to HTTP/2"
    if protocol == "grpc" and service.outbound == "httpProxy":
        return f"gRPC calls cannot use HTTP_PROXY, so {caller} needs outbound: listener"
    return ""


def _settings(spec: Spec) -> Iterator[Problem]:
    for text, settings in spec.edge_settings.items():
        wanted = "request_faults" in settings.model_fields_set and settings.request_faults
        if wanted and _protocol(spec, text) == "tcp":
            yield Problem(("edges", text, "requestFaults"), f"{_NO_REQUESTS}: remove this key")


def _policies(spec: Spec) -> Iterator[Problem]:
    for index, policy in enumerate(spec.policies):
        if _protocol(spec, policy.edge) == "tcp":
            for place, why in _ON_TCP.items():
                if _written(policy, place):
                    yield Problem(("policies", index, *place), why)


def _written(policy: Policy, place: tuple[str, ...]) -> bool:
    """Whether a policy sets this key to a value other than null or false."""
    value: object = policy.model_dump(by_alias=True)
    for key in place:
        value = value.get(key) if isinstance(value, dict) else None
    return value not in (None, False)


def _protocol(spec: Spec, edge: str) -> str:
    found = spec.services.get(Edge.parse(edge).callee)
    return found.protocol if found else ""


def status_words(spec: Spec, policy: Policy) -> list[str]:
    """Words of `retryOn` that match no answer on this gRPC edge: its errors are HTTP 200 with a gRPC status."""
    if _protocol(spec, policy.edge) != "grpc" or policy.retries is None or Edge.parse(policy.edge).caller == CLIENT:
        return []
    return [word for word in policy.retries.retry_on if word.isdecimal() or word in ("retriable-4xx", "gateway-error")]
