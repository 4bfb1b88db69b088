"""The demo as it is, in containers: nothing of it is written for one of the runtimes."""

import pytest

from testbed.campaigns.suite import run_suite
from tests.kit import ROOT

pytestmark = [pytest.mark.e2e, pytest.mark.minutes, pytest.mark.timeout(600)]

DEMO = ROOT / "examples/test_shop.py"


def test_the_demo_passes_unchanged_in_containers() -> None:
    """What could not be told while the machine was starved, is allowed: beside other tests it may well be."""
    words = [str(DEMO), "--testbed-runtime=docker", "-n", "2", "-p", "no:randomly", "-p", "no:cacheprovider"]
    outcomes = run_suite(words, kept="demo-in-containers", on_outcome=lambda *_: None)
    assert len(outcomes) == 8
    red = {name: one.why for name, one in outcomes.items() if not one.expected and not one.starved}
    assert red == {}
