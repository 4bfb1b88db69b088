import pytest

from testbed.errors import FaultError
from testbed.faults import graceful_restart
from testbed.faults.operations import LinkDown, ProcessAction, Toxic
from tests.kit.fault_context import CONTEXT
from tests.kit.fault_plane import Plane, inject, injector

LINKS = ["checkout-1--auth-1", "checkout-2--auth-1"]


def test_links_close_when_the_process_has_ended_and_not_before():
    assert graceful_restart(within_s=5).on(replica="auth-1").operations(CONTEXT, "f1") == (
        *(Toxic(link, "latency", "upstream", {"latency": 1000}) for link in LINKS),
        ProcessAction("auth-1", "terminate", amount=5),
        *map(LinkDown, LINKS),
        ProcessAction("auth-1", "restart"),
    )


def test_it_is_over_when_it_has_been_injected():
    plane = Plane()
    inject(injector(plane), graceful_restart(within_s=5).on(replica="auth-1")).heal()
    apply, undo = [("apply", link) for link in LINKS], [("undo", link) for link in LINKS]
    assert sorted(plane.done[:2]) == apply  # hold
    assert plane.done[2] == ("terminate", "auth-1/app", 5)
    assert sorted(plane.done[3:5]) == apply  # close
    assert plane.done[5] == ("restart", "auth-1/app")
    assert [sorted(plane.done[6:8]), sorted(plane.done[8:])] == [undo, undo]


def test_a_proxy_is_no_target():
    with pytest.raises(FaultError, match=r"\.on\(proxy='checkout-1'\) is not possible"):
        graceful_restart().on(proxy="checkout-1")


@pytest.mark.parametrize("within_s", [0, -1, float("inf")])
def test_it_takes_some_time(within_s):
    with pytest.raises(FaultError, match="within_s must be above 0"):
        graceful_restart(within_s=within_s)
