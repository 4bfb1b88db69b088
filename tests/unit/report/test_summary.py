import os
from dataclasses import replace

import pytest

from testbed.checks import Report, Verdict
from testbed.frontends.plugin.progress import Progress, line
from testbed.history.events import FaultEvent, Phase, PolicyEvent, RunInfo
from testbed.history.file import History
from testbed.report.narrative import as_phrase, narrative
from testbed.report.outcome import Narrative, ReportOutcome, RunOutcome, TestOutcome
from testbed.report.summary import summary, tally

SHOP = {
    "name": "shop",
    "entry": "front",
    "services": {
        "front": {"language": "go", "calls": [{"to": "back", "onFailure": {"fallback": "list"}}]},
        "back": {"language": "go"},
    },
    "policies": [{"edge": "front -> back", "timeout": "500ms"}],
}
RUN = RunInfo(at=0, test="t", seed=1, mesh="envoy", topology=SHOP, versions={}, sources=("requests",))
FAULT = FaultEvent("f1", "delay", "delay(ms=800).on('front -> back')", "inlet", (), ("front -> back",), 1, 2)


def verdict(outcome="held", check="max_latency(under_ms=700)", **more):
    usual = Verdict(check, "all", "hold", outcome, "508 ms", "< 700 ms", 400, title="max_latency")
    return replace(usual, **more)


def told(*verdicts, test="test_shop.py::test_slow_back", passed=True, **words):
    reports = (ReportOutcome(Report(verdicts), Narrative(**words)),)
    return TestOutcome(test, "passed" if passed else "failed", runs=(RunOutcome(reports),))


@pytest.mark.parametrize(
    ("fault", "phrase"),
    [
        ("delay(ms=8).on('a -> b').for_cohort('oslo')", "delay(ms=8) on a -> b for cohort oslo"),
        ("connection_reset().on('a -> b', replica='b-1')", "connection_reset on a -> b, replica=b-1"),
        ("outage('auth', kind='killed')", "outage(auth, kind=killed)"),
        ("abort(503).on('a -> b').for_users(percent=5).for_attempts(1, 2)", None),
    ],
)
def test_a_fault_is_a_phrase(fault, phrase):
    assert as_phrase(fault) == (phrase or "abort(503) on a -> b for users percent=5 for attempts 1, 2")


def test_a_narrative_says_what_was_broken_and_what_stood_against_it():
    told = narrative(History([RUN, FAULT]))
    assert told.broken == ("delay(ms=800) on front -> back",)
    assert told.against == ("front -> back: timeout 500ms; on failure: fallback list",)
    assert narrative(History([RUN])).broken == ("none: a control run",)
    assert narrative(History([FAULT])).against == ()
    assert narrative(History([replace(RUN, topology={"of": "another version"}), FAULT])).against == ()


@pytest.mark.parametrize(
    ("phases", "timeouts"),
    [
        (["old"], "timeout 500ms"),
        (["new"], "timeout 100ms"),
        (["old", "new"], "timeout 500ms; on failure: fallback list, then timeout 100ms"),
        ([], "timeout 500ms; on failure: fallback list, then timeout 100ms"),
    ],
)
def test_a_narrative_names_the_policies_that_were_in_force_when_it_was_judged(phases, timeouts):
    new = SHOP | {"policies": [{"edge": "front -> back", "timeout": "100ms"}]}
    swap = PolicyEvent(1.5, "front -> back", new)
    told = narrative(History([RUN, Phase("old", 1, 1.5), Phase("new", 1.6, 2), FAULT, swap]), phases)
    assert told.against == (f"front -> back: {timeouts}; on failure: fallback list",)


def test_a_test_whose_failure_was_contained_says_so_above_its_facts():
    one = told(verdict(), broken=("delay(ms=800)",), against=("front -> back: timeout 500ms",))
    text = summary([one], width=100, colour=False)
    assert "slow back: contained\n" in text
    assert "fault         delay(ms=800)\n" in text
    assert "policies      front -> back: timeout 500ms\n" in text
    assert "PASS          all, hold: max_latency: 508 ms (expected: < 700 ms)\n" in text
    assert "PASS          this run proves the claim\n" in text
    assert "FAIL" not in text


@pytest.mark.parametrize(("passed", "result"), [(True, "not contained, as expected"), (False, "not contained")])
def test_a_violation_says_why_and_where_to_look(passed, result):
    leads = ["a -> b: retries multiply: ...", "a -> b: timeout inversion: ..."]
    red = verdict("violated", why="3 of 4", next="request r1")
    tests = [told(verdict(), red, passed=passed, warnings=leads)]
    text = summary(tests, width=100, colour=False)
    assert f"slow back: {result}\n" in text
    assert "why           3 of 4" in text
    assert ("example       request r1" in text) == passed  # a failed test has said it already
    assert "look at       a -> b: timeout inversion" in text
    assert "multiply" not in text
    assert tally(tests) == f"1 test: 1 {result}"


def test_too_many_attempts_lead_to_the_retries():
    leads = ["a -> b: retries multiply: ...", "a -> b: timeout inversion: ..."]
    text = summary([told(verdict("violated", "attempts('a -> b')"), warnings=leads)], width=100, colour=False)
    assert "look at       a -> b: retries multiply" in text
    assert "inversion" not in text


def test_what_is_not_proved_is_not_contained():
    tests = [told(verdict("inconclusive"), passed=False), told(verdict(), test="x::test_b")]
    assert tally(tests) == "2 tests: 1 inconclusive, 1 contained"


@pytest.mark.parametrize("width", [80, 120])
def test_no_line_of_the_summary_is_wider_than_the_terminal(width):
    text = summary([told(verdict("violated", why="because " * 40, next="x" * 200))], width=width, colour=False)
    assert max(map(len, text.splitlines())) <= width


def test_progress_fits_into_its_line():
    assert line("a.py::test_slow_back", "hold", 3.2, 6, 80) == "slow back: hold, 3 of 6 s"
    assert line("a.py::test_slow_back", "starting shop", 3.2, 0, 80) == "slow back: starting shop"
    assert line("a.py::test_" + "x" * 90, "hold", 9, 6, 40) == "x" * 21 + "...: hold, 6 of 6 s"
    assert line("a.py::test_" + "x" * 90, "hold", 9, 6, 24) == "hold, 6 of 6 s"


def test_progress_takes_the_cursor_back_and_leaves_nothing():
    reader, writer = os.pipe()
    progress = Progress(writer, lambda: 60)
    progress.say("a.py::test_slow_back", "hold", 6)
    progress.clear()
    progress.clear()
    progress.close()
    os.close(writer)
    text = os.read(reader, 4096).decode()
    assert text.startswith(" slow back: hold, 0 of 6 s\x1b[K\x1b[26D")
    assert text.endswith("\x1b[K")
    os.close(reader)


def test_progress_is_silent_where_there_is_no_room():
    reader, writer = os.pipe()
    progress = Progress(writer, lambda: 10)
    progress.say("a.py::test_slow_back", "hold", 6)
    progress.close()
    os.close(writer)
    assert os.read(reader, 4096) == b"\x1b[K"
    os.close(reader)
