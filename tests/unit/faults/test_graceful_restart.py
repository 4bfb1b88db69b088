import pytest

from testbed.errors import FaultError
from testbed.faults import graceful_restart
from testbed.faults.operations import LinkDown, ProcessAction
from testbed.runtime import Drain
from tests.kit.fault_context import CONTEXT
from tests.kit.fault_plane import Plane, inject, injector

LINKS = ["checkout-1--auth-1", "checkout-2--auth-1"]
LISTENS = tuple(link.listen for link in CONTEXT.links if link.name in LINKS)


def test_links_close_when_the_process_has_ended_and_not_before():
    assert graceful_restart(within_s=5).on(replica="auth-1").operations(CONTEXT, "f1") == (
        ProcessAction("auth-1", "terminate", amount=5, links=LISTENS, drain_delay_ms=500),
        *map(LinkDown, LINKS),
        ProcessAction("auth-1", "restart"),
    )


def test_it_is_over_when_it_has_been_injected():
    plane = Plane()
    inject(injector(plane), graceful_restart(within_s=5).on(replica="auth-1")).heal()
    apply, undo = [("apply", link) for link in LINKS], [("undo", link) for link in LINKS]
    assert plane.done[0] == ("terminate", "auth-1/app", 5, Drain("links", LISTENS, 0.5, 0))
    assert sorted(plane.done[1:3]) == apply  # close
    assert plane.done[3] == ("restart", "auth-1/app")
    assert sorted(plane.done[4:]) == undo


def test_its_events_carry_the_times_at_which_they_happened():
    plane = injector(Plane())
    inject(plane, graceful_restart(within_s=5).on(replica="auth-1")).heal()
    asked, ended = plane.process_events[:2]
    assert (asked.at, asked.event) == (12.0, "sent SIGTERM, to end within 5 s")
    assert (ended.at, ended.event, ended.detail) == (12.5, "ended", "0.5 s after SIGTERM")


@pytest.mark.parametrize("delay", [{"drain_delay_ms": -1}, {"pre_stop_ms": float("inf")}])
def test_delays_are_in_order(delay):
    with pytest.raises(FaultError, match="must be at least 0"):
        graceful_restart(**delay)


def test_a_proxy_is_no_target():
    with pytest.raises(FaultError, match=r"\.on\(proxy='checkout-1'\) is not possible"):
        graceful_restart().on(proxy="checkout-1")


@pytest.mark.parametrize("within_s", [0, -1, float("inf")])
def test_it_takes_some_time(within_s):
    with pytest.raises(FaultError, match="within_s must be above 0"):
        graceful_restart(within_s=within_s)
