"""A proxy is restarted only if it ejected a host, or if it may count failures in a row."""

from __future__ import annotations

from dataclasses import replace

import pytest

from testbed.errors import TestbedError
from testbed.experiment import memory
from testbed.experiment.memory import remembering, well_again
from testbed.experiment.testbed import Testbed
from testbed.history.events import Attempt
from testbed.spec.topology import Topology
from tests.kit.idle_mesh import SHOP

GOOD = Attempt("r1", "a -> b", "a-1", "b-1", 1, 10.0, 5.0, 200)
BAD = replace(GOOD, start=9.0, status=503)
LATER = replace(BAD, start=11.0)
PROXY = "a-1/proxy"
EJECTS = {"edge": "a -> b", "outlierDetection": {"consecutive5xxErrors": 3}}


@pytest.fixture
def told(bed: Testbed, monkeypatch: pytest.MonkeyPatch) -> object:
    """Whether the proxy of a-1 remembers, after it counted so many ejections and errors, and logged these attempts."""
    topology = Topology.model_validate(SHOP.model_dump(mode="json", by_alias=True) | {"policies": [EJECTS]})
    (link,) = [link for link in bed.plan.links if link.edge == "a -> b"]
    reader = bed.parts.recorder.reader(PROXY)
    assert reader is not None
    monkeypatch.setattr(reader, "flush", lambda: None)

    def told(ejections: int, errors: int, attempts: list[Attempt]) -> bool:
        hosts = f"a--b::{link.listen}::health_flags::healthy\na--b::{link.listen}::rq_error::{errors}"
        stats = f"cluster.a--b.outlier_detection.ejections_enforced_total: {ejections}"
        monkeypatch.setattr(memory, "ask", lambda admin, path, why: (200, hosts if path == "/clusters" else stats))
        reader.events = list(attempts)
        return remembering(replace(bed.plan, topology=topology), bed.parts.recorder, [PROXY]) == [PROXY]

    return told


@pytest.mark.parametrize(
    ("ejections", "errors", "attempts", "remembers"),
    [
        (0, 0, [GOOD], False),
        (1, 0, [GOOD], True),
        (1, 3, [BAD, GOOD], True),
        (0, 2, [BAD, GOOD], False),
        (0, 2, [BAD, GOOD, LATER], True),
        (0, 2, [], True),
    ],
)
def test_an_ejection_or_a_streak_that_no_good_answer_ended_is_remembered(told, ejections, errors, attempts, remembers):
    assert told(ejections, errors, attempts) == remembers


def test_a_proxy_that_tells_nothing_begins_anew(bed: Testbed, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_answer(*args: object) -> None:
        raise TestbedError("no answer")

    monkeypatch.setattr(memory, "ask", no_answer)
    assert remembering(bed.plan, bed.parts.recorder, [PROXY]) == [PROXY]
    monkeypatch.setattr(memory, "ask", lambda *args: (503, "starting"))
    assert remembering(bed.plan, bed.parts.recorder, [PROXY]) == [PROXY]


@pytest.mark.parametrize(
    ("attempts", "well"),
    [
        ([BAD, GOOD], True),
        ([GOOD, LATER], False),
        ([GOOD, replace(GOOD, start=11.0, status=0)], False),
        ([GOOD, replace(GOOD, start=11.0, outcome="timeout")], False),
        ([GOOD, replace(BAD, start=9.999, duration_ms=6.0)], False),  # they ended together
        ([], False),
    ],
)
def test_a_host_is_well_again_when_its_last_attempt_was_good(attempts, well):
    assert well_again(attempts) == ({("a -> b", "b-1")} if well else set())
