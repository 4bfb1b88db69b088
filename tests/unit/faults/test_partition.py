import pytest

from testbed.errors import FaultError
from testbed.faults import partition
from tests.kit.fault_context import CONTEXT, INTO_PRICING


def cut(fault):
    return {(op.link, op.packets) for op in fault.operations(CONTEXT, "f1") if op.share == 1}


def test_both_ways_are_cut_whoever_is_named_first():
    every = {(link, way) for link in INTO_PRICING for way in ("requests", "answers")}
    assert cut(partition("checkout", "pricing")) == cut(partition("pricing", "checkout")) == every


def test_one_way_cuts_what_goes_from_the_first_to_the_second():
    assert cut(partition("checkout", "pricing", one_way=True)) == {(link, "requests") for link in INTO_PRICING}
    assert cut(partition("pricing", "checkout", one_way=True)) == {(link, "answers") for link in INTO_PRICING}


def test_single_replicas_and_the_load_can_be_sides():
    assert {link for link, _ in cut(partition("checkout-1", "pricing-2"))} == {"checkout-1--pricing-2"}
    assert {link for link, _ in cut(partition("client", "checkout"))} == {"client--checkout-1", "client--checkout-2"}


def test_it_is_met_on_the_links_that_it_cuts():
    assert {link.name for link in partition("checkout-1", "pricing").affected_links(CONTEXT)} == set(INTO_PRICING[:2])


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        (lambda: partition("checkout", "checkout"), "two different sides"),
        (lambda: partition("checkout", "pricing", direction="answers"), "one_way=True, not direction="),
        (lambda: partition("checkout", "pricing").on("checkout -> pricing"), "has its two sides already"),
        (
            lambda: partition("checkout", "pricin").operations(CONTEXT, "f1"),
            "no service or replica 'pricin'.*'pricing'",
        ),
        (lambda: partition("auth", "pricing").operations(CONTEXT, "f1"), "neither calls the other"),
    ],
)
def test_what_makes_no_sense_is_refused(fault, words):
    with pytest.raises(FaultError, match=words):
        fault()


def test_it_is_written_as_its_author_did():
    assert str(partition("checkout", "pricing", one_way=True)) == "partition(a='checkout', b='pricing', one_way=True)"
