"""The time that a caller has left, from hop to hop: handed on by an app, or set by its proxy."""

from __future__ import annotations

import pytest

from testbed import attempts, constant_rate, get
from testbed.experiment.start import start
from testbed.spec.services import EXPECTED
from testbed.spec.topology import Topology

pytestmark = pytest.mark.e2e


def hops(services: dict[str, object], *policies: dict[str, object]) -> Topology:
    data = {"name": "hops", "entry": "front", "services": services, "policies": policies, "forwardHeaders": [EXPECTED]}
    return Topology.model_validate(data)


def test_an_app_that_hands_the_remaining_time_on_has_its_calls_end_with_it() -> None:
    """The client says that it waits 200 ms and waits longer, so that it sees who gave up."""
    services: dict[str, object] = {
        "front": {"language": "python", "calls": [{"to": "back", "onFailure": {"keep": [504]}}]},
        "back": {"language": "go", "work": "600ms"},
    }
    edge = "front -> back"
    with start(hops(services, {"edge": edge, "timeout": "60s"})) as shop, shop.client() as client:
        assert client.get("/", headers={EXPECTED: "200"}).status_code == 200
        with shop.override_policies({edge: {"respectExpectedRqTimeout": True}}):
            assert client.get("/", headers={EXPECTED: "200"}).status_code == 504


def test_the_deadline_that_a_proxy_sets_ends_the_calls_of_the_next_hop() -> None:
    """The front waits 600 ms; the back works longer, for nobody unless the middle's proxy knows that."""
    services: dict[str, object] = {
        "front": {"language": "go", "calls": [{"to": "middle", "onFailure": {"keep": [504]}}]},
        "middle": {"language": "go", "onClientDisconnect": "continue", "calls": ["back"]},
        "back": {"language": "go", "work": "900ms"},
    }
    edge = "middle -> back"
    waits = {"edge": "front -> middle", "timeout": "600ms"}
    with start(hops(services, waits, {"edge": edge, "timeout": "60s"})) as shop:
        with shop.load(constant_rate(get("/"), rps=20)) as traffic:
            traffic.run(for_s=0.3, phase="knows nothing")
        unaware = traffic.result()
        with (
            shop.override_policies({edge: {"respectExpectedRqTimeout": True}}),
            shop.load(constant_rate(get("/"), rps=20)) as traffic,
        ):
            traffic.run(for_s=0.3, phase="respects")
        aware = traffic.result()
    for run in (unaware, aware):
        run.check(all=[attempts(edge, exactly=1)])
    late, ended = (run.history.index.calls.on(edge) for run in (unaware, aware))
    assert min(len(late), len(ended)) >= 5
    assert {call.status for call in late} == {200}
    assert min(call.duration_ms for call in late) >= 890
    assert {(call.status, call.flags) for call in ended} == {(504, "UT")}
    assert min(call.duration_ms for call in ended) >= 100  # 600 at most, less what the first hop took
