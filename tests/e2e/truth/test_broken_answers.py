"""An answer that breaks off is not an answer, though its status came; the edge where it broke is named."""

import pytest

from testbed import call_statuses, constant_rate, contained, get, limit_data, statuses, topology
from tests.kit.judging import verdict

pytestmark = pytest.mark.e2e

shop = topology("answers/broken.yaml")
spare = topology("answers/spare.yaml")
EDGE = "shop -> catalogue"
SHORT = {"warmup_s": 0.2, "baseline_s": 0.4, "hold_s": 0.8, "recover_s": 0.4}
BREAKS_OFF = limit_data(bytes=30_000).on(EDGE)


def test_planted_half_a_page_is_handed_to_the_users(shop):
    run = shop.experiment(BREAKS_OFF, load=constant_rate(get("/"), rps=15), **SHORT)
    found = verdict(run, contained())
    assert found.outcome == "violated"
    assert f"all on {EDGE}" in found.observed
    assert "200 broke off (eof)" in found.why
    assert f"{EDGE}, catalogue-1, attempt 1: 200, answer broke off (UPE)" in found.next
    assert verdict(run, statuses(200)).outcome == "violated"
    on_the_edge = verdict(run, call_statuses(EDGE, status=200))
    assert (on_the_edge.outcome, "200, answer broke off" in on_the_edge.observed) == ("violated", True)


def test_fixed_a_stored_page_takes_its_place(spare):
    run = spare.experiment(BREAKS_OFF, load=constant_rate(get("/"), rps=15), **SHORT)
    run.check(all=[contained(), statuses(200), call_statuses(EDGE, status=200).during("baseline")])
    assert verdict(run, call_statuses(EDGE, status=200)).outcome == "violated"  # the edge itself is no better
