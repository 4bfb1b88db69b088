"""The properties of a test in a JUnit file: every name once, also with several reports."""

from testbed.checks import Report
from testbed.report.junit import properties, properties_of
from testbed.report.outcome import ReportOutcome, RunOutcome, TestOutcome
from tests.kit.arms import seen
from tests.unit.report.test_verdict_table import HELD, REPORT


def test_junit_properties_have_names_of_their_own():
    pairs = dict(properties(REPORT))
    names = ["testbed.outcome", "testbed.mesh", "testbed.report.1", *(f"testbed.check.{n}" for n in (1, 2, 3))]
    assert list(pairs) == names
    assert (pairs["testbed.outcome"], pairs["testbed.mesh"]) == ("violated", "envoy")
    assert pairs["testbed.check.1"] == (
        "held: attempts('checkout -> pricing', at_most=3) (affected, hold): 1 to 3 (mean 2.5); "
        "expected <= 3 per call; n 1200"
    )
    assert pairs["testbed.check.2"].endswith("n 400; 58 requests of 400 took 250 ms or more")
    assert "not judged; expected >= 99 %" in pairs["testbed.check.3"]
    assert "testbed.mesh" not in dict(properties(Report((HELD,))))


def test_the_verdicts_of_several_reports_are_numbered_through():
    first, second = Report((seen(), seen(check="p99()")), mesh="envoy"), Report((seen("violated"),), mesh="none")
    runs = (RunOutcome((ReportOutcome(first),)), RunOutcome((ReportOutcome(second),)))
    pairs = properties_of(TestOutcome("test_it", "failed", runs=runs))
    names = [name for name, _ in pairs]
    assert names == [
        *("testbed.seed", "testbed.outcome", "testbed.mesh", "testbed.report.1", "testbed.report.2"),
        *(f"testbed.check.{n}" for n in (1, 2, 3)),
    ]
    told = dict(pairs)
    assert (told["testbed.outcome"], told["testbed.mesh"]) == ("violated", "envoy, none")
    assert told["testbed.report.1"] == "2 checks: 2 PASS"
    assert told["testbed.report.2"].startswith("1 check: 1 FAIL; ")
    assert told["testbed.check.3"].startswith("violated: ")


def test_an_empty_report_makes_a_green_one_inconclusive():
    assert dict(properties(Report((seen(),)), Report(())))["testbed.outcome"] == "inconclusive"


def test_a_test_without_reports_has_its_seed():
    assert properties_of(TestOutcome("test_it", "passed", seed=7)) == [("testbed.seed", "7")]
