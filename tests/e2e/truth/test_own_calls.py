"""Services with calls of their own, which no request caused, and services that lose the id of a request."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from testbed import Inconclusive, abort, attempts, constant_rate, get, start, statuses
from testbed.history.own_calls import own_calls
from testbed.report.narrative import narrative

pytestmark = pytest.mark.e2e
HERE = Path(__file__).parent / "own-calls"
EDGE = "web -> pricing"
LOAD = constant_rate(get("/"), rps=40)
SHORT: dict[str, Any] = {"warmup_s": 0.2, "baseline_s": 1, "hold_s": 1, "recover_s": 0.2}


def test_steady_polls_and_a_watcher_spoil_no_record() -> None:
    with start(HERE / "topology.yaml") as shop:
        run = shop.experiment(abort(503).on(EDGE).for_users(percent=30), load=LOAD, **SHORT)
        run.check(all=[attempts(EDGE, exactly=1)], affected=[statuses(503)], unaffected=[statuses(200)])
    said = narrative(run.history).own
    assert re.fullmatch(rf"\d+ calls of web's own on {EDGE}: no request caused them", said[0])
    assert not any("propagate" in warning for warning in run.warnings)


def test_planted_a_service_that_forgets_every_second_call_is_named_with_the_half() -> None:
    with start(HERE / "half.yaml") as shop:
        run = shop.experiment(load=LOAD, **SHORT)
    with pytest.raises(Inconclusive, match=r"carry no request id|the testbed was saturated"):
        run.check(all=[attempts(EDGE, exactly=1)])
    (said,) = (warning for warning in run.warnings if "propagate" in warning)
    found = re.search(rf"it hands it on in (\d+) of (\d+) calls on {EDGE}", said)
    assert found
    assert abs(int(found[1]) / int(found[2]) - 0.5) < 0.1


def test_fixed_a_watcher_that_begins_with_the_first_request_spoils_no_record() -> None:
    with start(HERE / "later.yaml") as shop:
        run = shop.experiment(load=LOAD, **SHORT)
    run.check(all=[attempts(EDGE, exactly=1)])
    assert run.warnings == []
    assert narrative(run.history).own == ("1 calls of web's own on web -> config: no request caused them",)


def test_planted_lost_ids_are_told_from_the_polls_beside_them() -> None:
    with start(HERE / "lost.yaml") as shop:
        run = shop.experiment(load=LOAD, **SHORT)
    with pytest.raises(Inconclusive, match="carry no request id"):
        run.check(all=[attempts(EDGE, exactly=1)])
    (said,) = (warning for warning in run.warnings if "propagate" in warning)
    assert re.search(rf"web does not propagate baggage: 0 of \d+ calls on {EDGE}", said)
    index = run.history.index
    polls = sum(1 for one in index.attempts.on(EDGE) if not one.request) - len(index.requests)
    assert abs(len(own_calls(index, "attempts", EDGE)) - polls) <= max(2, polls / 4)
