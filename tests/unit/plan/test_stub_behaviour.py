"""Words of a service's behaviour: what is refused, what is warned of, and what a stub is told."""

from typing import Any

import pytest

from testbed.errors import TopologyError
from testbed.history.facts import facts_of
from testbed.plan.stub_behaviour import behaviour
from testbed.spec.services import EXPECTED
from testbed.spec.topology import Topology


def shop(way: Any = "fail", **front: Any) -> Topology:
    services = {
        "front": {"language": "go", "calls": [{"to": "back", "onFailure": way}], **front},
        "back": {"language": "go"},
    }
    return Topology(name="t", entry="front", services=services)


STALE = {"fallback": "last", "stale": True}


def told(topology: Topology) -> Any:
    return behaviour(topology, "front")


def test_a_stub_gets_its_whole_configuration() -> None:
    plain = told(shop())
    assert (plain["deadline"], plain["hang_up"], plain["grace"], plain["reset"]) == (None, "stop", 0, None)
    full = told(
        shop(
            STALE,
            deadline="X-Timeout-Ms",
            onClientDisconnect="continue",
            terminationGracePeriod="2s",
            resetPath="/reset",
        )
    )
    assert (full["deadline"], full["hang_up"], full["grace"]) == ("x-timeout-ms", "continue", 2000)
    assert full["reset"] == "/reset"
    assert full["default"]["steps"][0]["parallel"][0]["on_failure"] == {"kind": "stale", "name": "last"}


def test_a_stale_fallback_has_a_name_for_checks() -> None:
    recorded = shop(STALE, resetPath="/reset").model_dump(mode="json", by_alias=True)
    assert facts_of(recorded).fallbacks == {"last"}


@pytest.mark.parametrize(
    ("way", "front", "words"),
    [
        ({**STALE, "answer": 1}, {}, "has answer and stale: use only one of answer, call, stale"),
        ({**STALE, "call": "back"}, {}, "has call and stale: use only one of answer, call, stale"),
        ({"fallback": "x", "stael": True}, {}, r"unknown key \(did you mean 'stale'\?\)"),
        ({"stale": True}, {}, "fallback"),
        ("fail", {"deadline": "x-envoy-max-retries"}, "cannot be forwarded"),
        ("fail", {"deadline": "a b"}, "is not a header name"),
        ("fail", {"onClientDisconnect": "go"}, "onClientDisconnect"),
        ("fail", {"terminationGracePeriod": "-1s"}, "terminationGracePeriod"),
        ("fail", {"resetPath": "/ø"}, "only visible ASCII characters"),
        ("fail", {"calls": [{"to": "back", "path": "/a b"}]}, "only visible ASCII characters"),
    ],
)
def test_an_impossible_fallback_is_an_error(way: Any, front: dict[str, Any], words: str) -> None:
    with pytest.raises(TopologyError, match=words):
        shop(way, **front)


def test_stale_answers_without_a_reset_path_give_a_warning() -> None:
    (warning,) = shop(STALE).warnings()
    assert "front keeps its stale answers from one test to the next: add a reset path" in warning
    assert shop(STALE, resetPath="/reset").warnings() == ()


def test_a_service_with_a_deadline_forwards_it() -> None:
    def warnings(**middle: Any) -> tuple[str, ...]:
        services = {
            "front": {"language": "go", "calls": ["middle"]},
            "middle": {"language": "go", "calls": ["back"], **middle},
            "back": {"language": "go"},
        }
        policies = [
            {"edge": "front -> middle", "timeout": "1s"},
            {"edge": "middle -> back", "respectExpectedRqTimeout": True},
        ]
        return Topology(name="t", entry="front", services=services, policies=policies).warnings()

    assert any(f"middle does not forward {EXPECTED}" in warning for warning in warnings())
    assert warnings(deadline=EXPECTED) == ()
