"""The faults that netem makes: what each asks of it, in its own words, and what is refused."""

import pytest

from testbed.errors import FaultError
from testbed.faults import packet_corrupt, packet_delay, packet_duplicate, packet_reorder
from testbed.injection.packets.netem import commands
from tests.kit.fault_context import CONTEXT

EDGE = "checkout -> pricing"
LISTENS = {link.name: link.listen for link in CONTEXT.links}


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        (packet_corrupt(percent=1.5), "corrupt 1.5%"),
        (packet_duplicate(percent=5), "duplicate 5%"),
        (packet_reorder(percent=25, ms=20), "delay 20ms reorder 25%"),
        (packet_delay(ms=30), "delay 30ms"),
        (packet_delay(ms=30, jitter_ms=10, distribution="pareto"), "delay 30ms 10ms distribution pareto"),
        (packet_delay(ms=30, jitter_ms=10, distribution="uniform"), "delay 30ms 10ms"),
    ],
)
def test_each_in_netems_words(fault, words):
    operations = fault.on(EDGE, replica="pricing-1").operations(CONTEXT, "f1")
    assert {" ".join(op.netem_args) for op in operations} == {words}
    assert {(op.link, op.packets) for op in operations} == {
        (f"checkout-{n}--pricing-1", way) for n in (1, 2) for way in ("requests", "answers")
    }


def test_a_class_with_netem_below_it_and_a_filter_for_each_way_of_each_link():
    fault = packet_corrupt(percent=1).on(EDGE, replica="pricing-1")
    class_, queue, *filters = [" ".join(words) for words in commands(17, fault.operations(CONTEXT, "f1"), LISTENS)]
    assert class_ == "class add parent 1: classid 1:11 htb rate 100gbit quantum 60000"
    assert queue == "qdisc add parent 1:11 handle 11: netem corrupt 1%"
    assert filters[0] == (
        "filter add parent 1: protocol ip prio 17 u32 match ip dst 127.9.2.1/32 match ip dport 10001 0xffff flowid 1:11"
    )
    assert "match ip src 127.9.2.1/32 match ip sport 10001" in filters[1]
    assert len(filters) == 4


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: packet_corrupt(percent=0), "above 0"),
        (lambda: packet_duplicate(percent=101), "at most 100"),
        (lambda: packet_reorder(percent=5, ms=0), "reorder.*ms must be above 0"),
        (lambda: packet_delay(ms=-1), "packet_delay.*ms must be above 0"),
        (lambda: packet_delay(ms=1, jitter_ms=-1), "jitter_ms must not be negative"),
        (lambda: packet_delay(ms=1, distribution="paretto"), "did you mean 'pareto'"),
        (lambda: packet_corrupt(percent=5, direction="up"), "no direction 'up'"),
    ],
)
def test_bad_values_are_refused_when_it_is_made(make, words):
    with pytest.raises(FaultError, match=words):
        make()
