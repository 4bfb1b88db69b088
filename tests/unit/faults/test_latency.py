import pytest

from testbed.errors import FaultError
from testbed.faults import latency
from testbed.faults.operations import Toxic
from tests.kit.fault_context import CONTEXT, INTO_PRICING


def test_one_toxic_for_each_link_of_the_edge():
    operations = latency(ms=100, jitter_ms=20).on("checkout->pricing").operations(CONTEXT, "f1")
    assert operations == tuple(Toxic(n, "latency", "downstream", {"latency": 100, "jitter": 20}) for n in INTO_PRICING)


def test_an_edge_can_be_narrowed_to_one_replica():
    operations = latency(ms=5).on("checkout -> pricing", replica="pricing-2").operations(CONTEXT, "f1")
    assert [op.link for op in operations] == ["checkout-1--pricing-2", "checkout-2--pricing-2"]


def test_requests_can_be_slow_instead_of_answers():
    (operation,) = latency(ms=5, direction="requests").on(replica="auth-1").operations(CONTEXT, "f1")[:1]
    assert operation.stream == "upstream"


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"ms": -5}, "ms must be above 0"),
        ({"ms": float("nan")}, "ms must be above 0"),
        ({"ms": 10, "jitter_ms": -1}, "jitter_ms must not be negative"),
        ({"ms": 10, "jitter_ms": 11}, "jitter_ms must not be above ms"),
        ({"ms": 0.5}, "whole milliseconds"),
        ({"ms": 4_000_000}, "at most an hour"),
        ({"ms": 10, "direction": "up"}, "direction is one of answers, requests"),
    ],
)
def test_bad_values_are_refused_when_the_fault_is_made(values, words):
    with pytest.raises(FaultError, match=words):
        latency(**values)


@pytest.mark.parametrize(
    ("aim", "words"),
    [
        ({"edge": "checkout -> pricng"}, "no edge 'checkout -> pricng'.*did you mean 'checkout -> pricing'"),
        ({"service": "pricin"}, "no service 'pricin'.*did you mean 'pricing'"),
        ({"replica": "pricing-3"}, "no replica 'pricing-3'.*did you mean 'pricing-"),
        ({"edge": "checkout -> pricing", "replica": "auth-1"}, "'auth-1' is not a callee on"),
    ],
)
def test_a_target_that_does_not_exist_is_named_with_the_nearest(aim, words):
    with pytest.raises(FaultError, match=words):
        latency(ms=5).on(**aim).operations(CONTEXT, "f1")


def test_no_target_is_refused():
    with pytest.raises(FaultError, match=r"latency\(ms=5\) has no target"):
        latency(ms=5).operations(CONTEXT, "f1")


@pytest.mark.parametrize("method", ["for_users", "for_cohort", "for_requests", "for_attempts"])
def test_a_request_scope_is_refused_and_names_the_request_fault_to_use(method):
    argument = {"for_requests": {"percent": 5}, "for_users": {"percent": 5}}.get(method, {})
    positional = {"for_cohort": ("trondheim",), "for_attempts": (1,)}.get(method, ())
    with pytest.raises(FaultError, match=rf"link fault acts on connections.*delay\(ms=...\)\.{method}"):
        getattr(latency(ms=5).on("checkout -> pricing"), method)(*positional, **argument)


def test_it_prints_as_it_was_written():
    assert str(latency(ms=30).on("a->b", replica="b-1")) == "latency(ms=30).on('a -> b', replica='b-1')"
