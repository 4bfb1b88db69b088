import pytest

from testbed.errors import FaultError
from testbed.faults import slicer
from testbed.faults.operations import Toxic
from testbed.faults.toxics import checked
from tests.kit.fault_context import CONTEXT, INTO_PRICING


def test_one_toxic_for_each_link_with_the_pause_in_microseconds():
    operations = slicer(bytes=64, variation_bytes=32, pause_ms=0.5).on("checkout -> pricing").operations(CONTEXT, "f1")
    attributes = {"average_size": 64, "size_variation": 32, "delay": 500}
    assert operations == tuple(Toxic(name, "slicer", "downstream", attributes) for name in INTO_PRICING)
    assert checked(operations[0]) == attributes


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"bytes": 0}, "bytes is a whole number from 1 to 1000000, not 0"),
        ({"bytes": -1}, "not -1"),
        ({"bytes": 1.5}, "not 1.5"),
        ({"bytes": 2_000_000}, "not 2000000"),
        ({"bytes": 64, "variation_bytes": 64}, "variation_bytes must be below bytes"),
        ({"bytes": 64, "variation_bytes": -1}, "variation_bytes is a whole number"),
        ({"bytes": 64, "pause_ms": -1}, "pause_ms must not be negative"),
        ({"bytes": 64, "pause_ms": float("inf")}, "pause_ms must not be negative"),
        ({"bytes": 64, "pause_ms": 60_001}, "pause_ms is at most a minute"),
        ({"bytes": 64, "direction": "up"}, "direction is one of answers, requests"),
    ],
)
def test_what_toxiproxy_would_die_of_is_refused_when_it_is_made(values, words):
    with pytest.raises(FaultError, match=words):
        slicer(**values)


def test_a_request_scope_names_throttle():
    with pytest.raises(FaultError, match=r"throttle\(kb_per_s=...\)\.for_attempts"):
        slicer(bytes=1).on(service="auth").for_attempts(1)
