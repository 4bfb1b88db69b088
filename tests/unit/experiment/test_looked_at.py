"""A test that ends without a look at a red report is not green."""

import pytest

from testbed.checks import statuses
from testbed.errors import Inconclusive, NotContained
from testbed.experiment.record import Record
from testbed.experiment.run import Run
from testbed.report.failure import raise_if_overlooked
from tests.kit.story import faulty

CHECK = statuses(200)


def run_of(**hold):
    return Run(faulty(**hold).history)


def test_a_red_report_that_nobody_looked_at_is_named():
    run = run_of(status=503)
    run.judge(all=[CHECK])
    assert [report.outcome for report in Record(runs=[run]).overlooked()] == ["violated"]


def test_a_green_one_needs_no_look():
    run = run_of()
    run.judge(all=[CHECK])
    assert run.overlooked == []


def first(verdict):
    return verdict


LOOKS = {
    "outcome": lambda report, run: report.outcome == "violated",
    "other outcome": lambda report, run: report.outcome != "held",
    "outcome in a set": lambda report, run: report.outcome in {"held"},
    "outcome in a text": lambda report, run: f"{report.outcome}",
    "start of the outcome": lambda report, run: report.outcome.startswith("v"),
    "verdicts": lambda report, run: [verdict.outcome for verdict in report.verdicts],
    "first verdict": lambda report, run: report.verdicts[0].outcome,
    "the one verdict": lambda report, run: first(*report.verdicts),
    "red": lambda report, run: report.red,
    "of": lambda report, run: report.of("violated"),
    "headline": lambda report, run: report.headline,
    "truth": lambda report, run: bool(report),
    "comparison": lambda report, run: report == report.plain,
    "reports of the run": lambda report, run: run.reports,
}


@pytest.mark.parametrize("look", LOOKS.values(), ids=LOOKS)
def test_a_look_at_its_result_is_enough(look):
    run = run_of(status=503)
    look(run.judge(all=[CHECK]), run)
    assert run.overlooked == []


NO_LOOKS = {
    "truth of the outcome": lambda report: bool(report.outcome),
    "truth of the verdicts": lambda report: bool(report.verdicts),
    "number of verdicts": lambda report: len(report.verdicts) == 1,
}


@pytest.mark.parametrize("act", NO_LOOKS.values(), ids=NO_LOOKS)
def test_wrong_what_is_true_of_every_report_is_no_look(act):
    run = run_of(status=503)
    assert act(run.judge(all=[CHECK]))
    assert [report.outcome for report in run.overlooked] == ["violated"]


def test_outcome_and_verdicts_are_as_ever():
    report = run_of(status=503).judge(all=[CHECK])
    assert report.outcome == "violated"
    assert isinstance(report.outcome, str)
    assert report.verdicts == report.plain.verdicts
    assert isinstance(report.verdicts, tuple)
    assert {report.outcome: 1} == {"violated": 1}
    assert (str(report.outcome), repr(report.outcome)) == ("violated", "'violated'")


def test_its_other_fields_say_nothing_of_the_result():
    run = run_of(status=503)
    report = run.judge(all=[CHECK])
    assert (report.mesh, report.seed) == ("envoy", 42)
    assert len(run.overlooked) == 1


def test_a_red_report_is_false_and_a_green_one_true():
    assert run_of().judge(all=[CHECK])
    assert not run_of(status=503).judge(all=[CHECK])


def test_a_report_is_equal_to_the_same_report_and_has_its_hash():
    report = run_of().judge(all=[CHECK])
    assert report == report.plain
    assert report.plain == report
    assert hash(report) == hash(report.plain)
    assert report != run_of(status=503).judge(all=[CHECK])


def test_check_looks_at_its_report_by_itself():
    run = run_of(status=503)
    with pytest.raises(NotContained):
        run.check(all=[CHECK])
    assert run.overlooked == []


def test_the_worst_of_the_overlooked_reports_is_raised():
    run, other = run_of(status=503), run_of(n=0)
    other.judge(all=[CHECK])
    with pytest.raises(Inconclusive, match=r"never looked at this report"):
        raise_if_overlooked(Record(runs=[other]).overlooked())
    run.judge(all=[CHECK])
    with pytest.raises(NotContained, match=r"never looked at this report: use run\.check"):
        raise_if_overlooked(Record(runs=[other, run]).overlooked())
    raise_if_overlooked([])


def test_a_blind_report_is_red_until_another_looked_at_the_fault():
    run = run_of()
    with pytest.raises(Inconclusive, match="only the time before the fault was judged"):
        run.check(all=[CHECK.during("baseline")])
    run.check(all=[CHECK])
    run.check(all=[CHECK.during("baseline")])
