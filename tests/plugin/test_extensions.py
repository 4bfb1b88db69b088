"""A fault and a check of an installed distribution, in a test on a real mesh."""

import os

import pytest

from tests.kit.distributions import CHECK, FAULT, install

pytestmark = pytest.mark.e2e

TEST = """
import pytest
from testbed import constant_rate, crawl, get, sent_enough

SHORT = dict(load=constant_rate(get("/"), rps=50), warmup_s=0.1, baseline_s=0.3, hold_s=1, recover_s=0.5)

@pytest.mark.parametrize("fault", [crawl(ms=20).on("front -> back")])
@pytest.mark.parametrize("check", [sent_enough(5), sent_enough(5000)])
def test_crawling(tiny, fault, check):
    tiny.experiment(fault, **SHORT).check(all=[check.during("hold")])
"""


@pytest.fixture
def site(project, monkeypatch):
    """A folder on the path of the pytest that runs in the test."""
    folder = project.mkdir("site")
    monkeypatch.setenv("PYTHONPATH", f"{folder}{os.pathsep}{os.environ.get('PYTHONPATH', '')}")
    return folder


def test_they_break_and_judge_as_ours_do(site, run):
    install(site, "snails", FAULT, faults={"crawl": "crawl"})
    install(site, "counters", CHECK, checks={"sent_enough": "sent_enough"})
    result = run(TEST)
    result.assert_outcomes(passed=1, failed=1)
    result.stdout.fnmatch_lines_random(
        [
            "*s=20).on(*front -> back*)]: not contained",
            "*fault *crawl(ms=20) on front -> back",
            "*FAIL *all, hold: sent_enough 5000: 50 requests (expected: at*",
        ]
    )


def test_a_clash_of_names_starts_no_mesh(site, run):
    install(site, "snails", FAULT, faults={"delay": "crawl"})
    result = run("def test_it(tiny): pass")
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["*the fault delay of snails 1.0 (snails:crawl): the testbed already has this name"])
