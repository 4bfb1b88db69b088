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


LOOKS = {
    "outcome": lambda report, run: report.outcome,
    "verdicts": lambda report, run: report.verdicts,
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
