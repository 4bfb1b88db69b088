import pytest

from testbed.errors import FaultError
from testbed.faults import packet_loss
from testbed.faults.operations import PacketDrop
from tests.kit.fault_context import CONTEXT, INTO_PRICING

EDGE = "checkout -> pricing"


def test_both_ways_of_every_link_lose_the_same_share():
    operations = packet_loss(percent=5).on(EDGE).operations(CONTEXT, "f1")
    assert set(operations) == {
        PacketDrop("f1", link, 0.05, packets) for link in INTO_PRICING for packets in ("requests", "answers")
    }


def test_one_way_of_one_replica():
    fault = packet_loss(percent=5, direction="answers").on(EDGE, replica="pricing-2")
    assert {(op.link, op.packets) for op in fault.operations(CONTEXT, "f1")} == {
        ("checkout-1--pricing-2", "answers"),
        ("checkout-2--pricing-2", "answers"),
    }


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"percent": 0}, "above 0 and at most 100"),
        ({"percent": 500}, "above 0 and at most 100"),
        ({"percent": True}, "above 0 and at most 100"),
        ({"percent": 5, "direction": "answer"}, "did you mean 'answers'"),
    ],
)
def test_bad_values_are_refused_when_it_is_made(values, words):
    with pytest.raises(FaultError, match=words):
        packet_loss(**values)


def test_a_request_scope_is_refused_with_the_fault_to_use():
    with pytest.raises(FaultError, match=r"Use delay\(ms=...\).for_users"):
        packet_loss(percent=5).for_users("u1")
