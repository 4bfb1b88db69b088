"""A share of the requests is drawn for each call: a request that calls twice may meet the fault in one call alone."""

from __future__ import annotations

from collections import defaultdict

import pytest

from testbed import abort, attempts, constant_rate, get, statuses, topology
from testbed.experiment.testbed import Testbed

pytestmark = pytest.mark.e2e
front = topology("draws/topology.yaml", scope="module")
EDGE = "front -> back"


def test_planted_two_calls_of_a_request_are_drawn_separately(front: Testbed) -> None:
    load = constant_rate(get("/"), rps=100)
    run = front.experiment(
        abort(503).on(EDGE).for_requests(percent=50), load=load, warmup_s=0, baseline_s=0.2, hold_s=0.7, recover_s=0
    )
    run.check(all=[statuses(200), attempts(EDGE, exactly=2, per="request")])
    met: dict[str, dict[str, bool]] = defaultdict(dict)
    hold = {request.id for request in run.history.index.requests if request.phase == "hold"}
    for arrival in run.history.index.arrivals.on(EDGE):
        if arrival.request in hold:
            met[arrival.request][arrival.path] = bool(arrival.fault)
    kinds = {(calls["/quote"], calls["/ship"]) for calls in met.values()}
    assert kinds == {(True, True), (True, False), (False, True), (False, False)}  # of 70 requests
