"""Which part of which policy a proxy refuses is found by leaving one out after the other."""

from typing import Any

import pytest

from testbed.envoy.validate import essence
from testbed.experiment.planning import plan_for
from testbed.experiment.rejected_config import explain, minimal_cause
from testbed.plan.values import AddressSpace
from testbed.runtime import NotReady
from testbed.spec.topology import Topology
from tests.kit.policies import shop

POLICY: dict[str, Any] = {
    "timeout": "9h",
    "retries": {"attempts": 7, "backoff": "5s"},
    "outlierDetection": {"interval": "3s"},
}


def refuses(number: str) -> Any:
    """A proxy that cannot stand a number, wherever it is."""
    return lambda topology: "Envoy: no such number" if number in str([str(p) for p in topology.policies]) else ""


@pytest.mark.parametrize(
    ("number", "place"),
    [
        ("timeout=32400000.0", ("timeout",)),
        ("attempts=7", ("retries", "attempts")),
        ("base=5000.0", ("retries", "backoff", "base")),
        ("interval=3000.0", ("outlierDetection", "interval")),
    ],
)
def test_the_smallest_part_is_named(number: str, place: tuple[str, ...]) -> None:
    assert minimal_cause(shop(**POLICY), refuses(number)) == ("policies", 1, *place)


def test_what_is_wrong_in_two_places_of_a_policy_is_laid_on_the_whole() -> None:
    def both(topology: Topology) -> str:
        return refuses("attempts=7")(topology) or refuses("interval=3000.0")(topology)

    assert minimal_cause(shop(**POLICY), both) == ("policies", 1)


def test_what_no_policy_causes_has_no_place() -> None:
    assert minimal_cause(shop(**POLICY), lambda topology: "no") is None


def error(process: str = "api-1/proxy") -> NotReady:
    return NotReady(f"{process} ended before it was ready", process)


def test_the_error_has_the_proxys_words_and_the_field() -> None:
    plan = plan_for(shop(**POLICY), AddressSpace("127.9"))
    told = explain(error(), plan, lambda config: "out of range" if '"32400s"' in config else "")
    assert str(told) == "policies[1].timeout: api-1/proxy refuses it: out of range"


@pytest.mark.parametrize("process", ["api-1/proxy", "api-1/app", "inlet"])
def test_what_ended_for_another_reason_keeps_its_error(process: str) -> None:
    ended = error(process)
    assert explain(ended, plan_for(shop(**POLICY), AddressSpace("127.9")), lambda config: "") is ended


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        (
            "error in /t/envoy.json: Unable to parse JSON as proto (INVALID_ARGUMENT: invalid  "
            "JSON in x @ a[0].num_retries:   integer out of\n range): {\n  'admin': 1}",
            "invalid JSON in x @ a[0].num_retries: integer out of range",
        ),
        (
            "{ x: 1 }\n: Proto constraint validation failed (A.B: embedded message failed validation | caused by "
            "C.Interval: value must be greater than 0s)",
            "C.Interval: value must be greater than 0s",
        ),
        ("something else", "something else"),
    ],
)
def test_the_reason_is_cut_out_of_what_envoy_prints(said: str, reason: str) -> None:
    assert essence(said) == reason
