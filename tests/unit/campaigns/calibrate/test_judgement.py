"""Every judgement has outcomes that lead to it, and a neighbour that does not."""

from dataclasses import replace

import pytest

from testbed.campaigns.calibrate.calibrate import as_data, is_calibrated
from testbed.campaigns.calibrate.findings import Kind
from testbed.campaigns.calibrate.judgement import is_scenario
from testbed.campaigns.calibrate.table import table
from testbed.checks import SATURATED
from testbed.report.outcome import TestOutcome
from tests.kit.arms import EDGE, FAULT, judged, quiet, run, seen, told

SENSITIVE, NOT_APPLICABLE = Kind.SENSITIVE, Kind.NOT_APPLICABLE
NOT_TO_POLICY, NOT_TO_FAULT = Kind.INSENSITIVE_TO_POLICY, Kind.INSENSITIVE_TO_FAULT
HELD, VIOLATED, OPEN = seen(), seen("violated", observed="918 ms"), seen("inconclusive", observed="")
BUSY = seen("inconclusive", why=f"{SATURATED}: the load was late", observed="918 ms")
FALLBACK = "fallback('list-price')"
TAKEN = seen(check=FALLBACK, reaction=True)
NOT_TAKEN = seen("violated", check=FALLBACK, title="fallback list-price", reaction=True)
EXPECTED = quiet(VIOLATED)  # pytest.raises(NotContained) caught it
SKIPPED = TestOutcome("t", "skipped")
UNMESHED = replace(FAULT, mesh="none", protected=())


@pytest.mark.parametrize(
    ("arms", "kind"),
    [
        pytest.param((told(HELD), quiet(HELD), quiet(VIOLATED)), SENSITIVE, id="needs its policies"),
        pytest.param((told(HELD), quiet(HELD), quiet(HELD)), NOT_TO_POLICY, id="PASS without its policies"),
        pytest.param((told(HELD), quiet(HELD), quiet(OPEN)), NOT_TO_POLICY, id="inconclusive is not violated"),
        pytest.param((told(HELD), quiet(HELD), quiet(BUSY)), Kind.SATURATED, id="too busy to tell"),
        pytest.param((told(HELD), quiet(HELD), quiet(BUSY, VIOLATED)), SENSITIVE, id="busy, but another check tells"),
        pytest.param((told(HELD), quiet(VIOLATED), quiet(VIOLATED)), Kind.FAILS, id="red without the fault"),
        pytest.param((told(HELD), quiet(OPEN), quiet(VIOLATED)), Kind.FAILS, id="not proved without the fault"),
        pytest.param((told(HELD, TAKEN), quiet(HELD, NOT_TAKEN), quiet(VIOLATED, TAKEN)), SENSITIVE, id="a reaction"),
        pytest.param(
            (told(HELD, TAKEN), quiet(HELD, TAKEN), quiet(VIOLATED, TAKEN)),
            NOT_TO_FAULT,
            id="it always reacts",
        ),
        pytest.param((told(TAKEN), quiet(NOT_TAKEN), quiet(NOT_TAKEN)), SENSITIVE, id="no reaction without policies"),
        pytest.param((EXPECTED, quiet(HELD), quiet(HELD)), SENSITIVE, id="its policies do the harm"),
        pytest.param((EXPECTED, quiet(HELD), quiet(VIOLATED)), NOT_TO_POLICY, id="harm with and without policies"),
        pytest.param((EXPECTED, quiet(VIOLATED), quiet(HELD)), Kind.FAILS, id="harm even without the fault"),
        pytest.param((told(VIOLATED), quiet(HELD), quiet(VIOLATED)), Kind.RED, id="red as written"),
        pytest.param((told(VIOLATED), quiet(HELD), quiet(HELD)), Kind.RED, id="red because of the policies"),
        pytest.param((told(VIOLATED), quiet(VIOLATED), quiet(VIOLATED)), Kind.FAILS, id="red whatever happens"),
        pytest.param((told(HELD), None, quiet(VIOLATED)), Kind.WRONG, id="an arm did not end"),
        pytest.param((None, quiet(HELD), quiet(VIOLATED)), Kind.WRONG, id="it did not end as written"),
        pytest.param((told(HELD), quiet(HELD), quiet(asserts="error")), Kind.WRONG, id="an error in an arm"),
        pytest.param((told(HELD, outcome="error", asserts="error"), None, None), Kind.WRONG, id="an error as written"),
        pytest.param(
            (SKIPPED, SKIPPED, SKIPPED),
            NOT_APPLICABLE,
            id="skipped",
        ),
        pytest.param((told(HELD, injected=()), quiet(HELD), quiet(HELD)), NOT_APPLICABLE, id="breaks nothing"),
        pytest.param((told(VIOLATED, injected=()), quiet(HELD), quiet(HELD)), Kind.RED, id="red, breaks nothing"),
        pytest.param((told(HELD, injected=(UNMESHED,)), quiet(HELD), quiet(HELD)), NOT_APPLICABLE, id="no policies"),
        pytest.param((told(VIOLATED, injected=(UNMESHED,)), quiet(HELD), quiet(HELD)), Kind.RED, id="red, no policies"),
        pytest.param((told(HELD, control="weak"), quiet(HELD), quiet(HELD)), Kind.CONTROL, id="a control"),
        pytest.param((told(HELD, control="weak"), quiet(HELD), quiet(VIOLATED)), Kind.NO_CONTROL, id="no control"),
        pytest.param((told(HELD, control="weak"), quiet(VIOLATED), quiet(HELD)), Kind.FAILS, id="a broken control"),
        pytest.param((told(VIOLATED, control="weak"), quiet(HELD), quiet(VIOLATED)), Kind.RED, id="a red control"),
    ],
)
def test_the_outcomes_of_the_arms_make_the_judgement(arms, kind):
    assert judged(*arms).kind is kind


FAILS = {"outcome": "failed", "asserts": "violated", "why": "AssertionError: assert 503 == 200"}


@pytest.mark.parametrize(
    ("arms", "kind"),
    [
        pytest.param((told(), quiet(), told(**FAILS)), SENSITIVE, id="its asserts need the policies"),
        pytest.param((told(), quiet(), quiet()), NOT_TO_POLICY, id="its asserts pass without policies"),
        pytest.param((told(), told(**FAILS), quiet()), NOT_APPLICABLE, id="its asserts need the fault"),
        pytest.param((told(**FAILS), told(**FAILS), told(**FAILS)), Kind.FAILS, id="its asserts always fail"),
        pytest.param((told(**FAILS), quiet(), told(**FAILS)), Kind.RED, id="its asserts fail as written"),
        pytest.param((told(HELD), quiet(HELD), quiet(HELD, **FAILS)), SENSITIVE, id="asserts beside checks"),
    ],
)
def test_a_test_without_checks_is_judged_by_its_asserts(arms, kind):
    assert judged(*arms).kind is kind


def test_no_touched_requests_are_accepted_in_the_arm_without_the_fault():
    nobody = seen("inconclusive", population="touched (descriptive)", n=0)
    assert judged(told(HELD), quiet(HELD, nobody), quiet(VIOLATED)).kind is SENSITIVE
    assert judged(told(HELD), quiet(HELD, replace(nobody, n=3)), quiet(VIOLATED)).kind is Kind.FAILS


def test_verdicts_are_matched_by_run_check_population_and_phase():
    written = told(HELD, more=[seen("violated")], outcome="passed")
    swapped = quiet(seen("violated"), more=[HELD])
    assert judged(written, quiet(HELD, more=[HELD]), swapped).reasons == (
        "FAIL without its policies: max_latency (all, hold): 318 ms, expected under 700 ms",
        "PASS without its policies: max_latency (all, hold): 318 ms, expected under 700 ms",
    )


def test_an_insensitive_scenario_names_its_checks_and_the_edges_with_policies():
    away = replace(FAULT, edges=("frontend -> checkout",))
    found = judged(told(HELD, injected=(away,)), quiet(HELD), quiet(HELD))
    assert found.reasons == ("PASS without its policies: max_latency",)
    assert found.hint == f"the fault is on frontend -> checkout, but the policies are on {EDGE}"
    assert "@pytest.mark.control(" in judged(told(HELD), quiet(HELD), quiet(HELD)).hint
    assert judged(EXPECTED, quiet(HELD), quiet(VIOLATED)).reasons == ("the same without its policies: max_latency",)
    assert judged(told(), quiet(), quiet()).reasons == ("PASS without its policies: its asserts",)


def test_cells_show_the_outcome_in_each_arm():
    found = judged(EXPECTED, quiet(HELD, NOT_TAKEN), None)
    assert found.cells == (
        "FAIL, as expected: max_latency",
        "PASS (not required: fallback list-price)",
        "did not end",
    )
    assert judged(told(), quiet(), told(**FAILS)).cells == ("PASS", "PASS", "FAIL")


def test_a_test_is_a_scenario_if_it_sent_load_or_injected_a_fault():
    assert is_scenario([TestOutcome("t", "passed", runs=(run(),))])
    assert is_scenario([TestOutcome("t", "passed", injected=(FAULT,))])
    assert is_scenario([TestOutcome("t", "error")])
    assert not is_scenario([TestOutcome("t", "passed"), TestOutcome("t", "failed")])


GOOD = judged(told(HELD), quiet(HELD), quiet(VIOLATED))
BLIND = judged(told(HELD), quiet(HELD), quiet(HELD))
APART = judged(told(HELD, injected=()), quiet(HELD), quiet(HELD))


def test_a_suite_is_calibrated_if_something_is_right_and_nothing_wrong():
    assert is_calibrated([GOOD, APART])
    assert not is_calibrated([GOOD, BLIND])
    assert not is_calibrated([APART])
    assert not is_calibrated([])


def test_the_data_for_ci_names_every_arm():
    data = as_data([GOOD, BLIND])
    assert (data["calibrated"], [one["kind"] for one in data["scenarios"]]) == (False, ["tells", "blind"])
    assert data["scenarios"][1]["cells"]["without its policies"] == "PASS"


def test_the_table_explains_bad_scenarios_and_counts():
    text = table([GOOD, BLIND], width=120)
    assert "PASS without its policies: max_latency" in text
    assert "2 scenarios. sensitive to policies: yes (1); sensitive to policies: no (1)" in text
    assert "max_latency (all, hold)" not in text
    assert "no scenario" in table([])
