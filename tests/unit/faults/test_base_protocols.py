"""Faults and what their edges carry: gRPC statuses on gRPC only, no request fault on tcp."""

from dataclasses import replace

import pytest

from testbed.errors import FaultError
from testbed.faults import abort, delay, hang, latency, outage, packet_loss, throttle
from testbed.faults.operations import Rule
from tests.kit.fault_context import CONTEXT

EDGE = "checkout -> pricing"


def carrying(protocol):
    links = [replace(one, protocol=protocol) if one.edge == EDGE else one for one in CONTEXT.links]
    if protocol == "tcp":
        links = [replace(one, inlet=None) if one.edge == EDGE else one for one in links]
    return replace(CONTEXT, links=tuple(links))


def test_a_grpc_status_becomes_its_number():
    (rule,) = abort(grpc_status="UNAVAILABLE").on(EDGE).for_attempts(1).operations(carrying("grpc"), "f1")
    assert isinstance(rule, Rule)
    assert (rule.abort, rule.grpc_status, rule.scope.attempts) == (None, 14, frozenset({1}))


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: abort(grpc_status="UNAVAILBLE"), r"no gRPC status 'UNAVAILBLE' \(did you mean 'UNAVAILABLE'\?\)"),
        (lambda: abort(grpc_status="unavailable"), r"no gRPC status 'unavailable' \(did you mean 'UNAVAILABLE'\?\)"),
        (lambda: abort(grpc_status="OK"), "OK is no failure"),
        (lambda: abort(429, grpc_status="ABORTED"), "either an HTTP status or a gRPC status"),
        (lambda: abort(grpc_status=14), "no gRPC status 14"),
    ],
)
def test_what_is_no_status_of_an_error_is_refused_when_it_is_made(make, words):
    with pytest.raises(FaultError, match=words):
        make()


@pytest.mark.parametrize(
    ("fault", "protocol", "words"),
    [
        (abort(503), "grpc", r"carries gRPC.*Use abort\(grpc_status=.UNAVAILABLE.\)"),
        (abort(429), "grpc", r"carries gRPC.*Use abort\(grpc_status=.RESOURCE_EXHAUSTED.\)"),
        (abort(418), "grpc", r"carries gRPC.*Use abort\(grpc_status=.UNKNOWN.\)"),
        (abort(grpc_status="NOT_FOUND"), "http", r"carries http, which has no gRPC status. Use abort\(404\)"),
        (abort(grpc_status="UNAVAILABLE"), "http2", r"carries http2, .*Use abort\(503\)"),
        (abort(503), "tcp", r"is a tcp edge: it carries connections.*Use connection_refused\(\), or a packet fault"),
        (delay(ms=5), "tcp", r"is a tcp edge.*Use latency\(ms=...\)"),
        (hang(), "tcp", r"is a tcp edge.*Use stall\(\)"),
        (throttle(kb_per_s=5), "tcp", r"is a tcp edge.*Use bandwidth"),
    ],
)
def test_what_does_not_fit_the_edge_is_refused_with_what_does(fault, protocol, words):
    with pytest.raises(FaultError, match=words):
        fault.on(EDGE).operations(carrying(protocol), "f1")


@pytest.mark.parametrize("fault", [latency(ms=5), packet_loss(percent=5)])
def test_link_and_packet_faults_fit_every_edge(fault):
    for protocol in ("http2", "grpc", "tcp"):
        assert fault.on(EDGE).operations(carrying(protocol), "f1")


def test_an_erroring_outage_is_one_that_its_callers_understand():
    (rule, _) = outage("pricing", kind="erroring").operations(carrying("grpc"), "f1")
    assert (rule.abort, rule.grpc_status) == (None, 14)
    (rule, _) = outage("pricing", kind="erroring").operations(carrying("http2"), "f1")
    assert (rule.abort, rule.grpc_status) == (503, None)


def test_it_prints_as_it_was_written():
    assert str(abort(grpc_status="ABORTED").on(EDGE)) == "abort(grpc_status='ABORTED').on('checkout -> pricing')"
