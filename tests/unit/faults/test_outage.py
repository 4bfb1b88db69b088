import pytest

from testbed.errors import FaultError
from testbed.faults import outage
from testbed.faults.operations import Blackhole, LinkDown, ProcessAction, Rule, Toxic
from tests.kit.fault_context import CONTEXT


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("refused", {LinkDown}),
        ("unreachable", {Blackhole}),
        ("stall", {Toxic}),
        ("hang", {Rule}),
        ("erroring", {Rule}),
        ("killed", {LinkDown, ProcessAction}),
        ("node_failure", {Toxic, ProcessAction}),
    ],
)
def test_each_kind_maps_to_its_plane(kind, expected):
    assert {type(op) for op in outage("pricing", kind=kind).operations(CONTEXT, "f1")} == expected


def test_a_partial_outage_hits_the_first_replicas_only():
    fault = outage("pricing", replicas=1, kind="refused")
    assert [op.link for op in fault.operations(CONTEXT, "f1")] == ["checkout-1--pricing-1", "checkout-2--pricing-1"]
    assert {link.callee for link in fault.affected_links(CONTEXT)} == {"pricing-1"}


def test_all_replicas_are_down_by_default():
    assert {link.callee for link in outage("pricing").affected_links(CONTEXT)} == {"pricing-1", "pricing-2"}


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"service": "pricing", "kind": "broken"}, "no kind 'broken'"),
        ({"service": "pricing", "replicas": 0}, "replicas must be 1 or more"),
    ],
)
def test_bad_values_are_refused_when_it_is_made(values, words):
    with pytest.raises(FaultError, match=words):
        outage(**values)


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        (outage("pricin"), "no service 'pricin'.*did you mean 'pricing'"),
        (outage("pricing", replicas=3), "pricing has 2 replicas"),
    ],
)
def test_what_does_not_fit_the_mesh_is_refused(fault, words):
    with pytest.raises(FaultError, match=words):
        fault.operations(CONTEXT, "f1")


def test_it_prints_as_it_was_written():
    assert str(outage("pricing", replicas=1, kind="stall")) == "outage(service='pricing', replicas=1, kind='stall')"


def test_its_text_names_the_kind_even_if_it_is_the_default():
    assert str(outage("pricing")) == "outage(service='pricing', kind='refused')"
