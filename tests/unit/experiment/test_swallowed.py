"""A test that catches an inconclusive verdict must name it: otherwise it takes no answer for a violation."""

import unittest
from contextlib import contextmanager, suppress

import pytest

import testbed.errors as problems
from testbed.checks import availability, statuses
from testbed.errors import Inconclusive, NotContained, TestbedError
from testbed.experiment.record import Record
from testbed.experiment.run import Run
from testbed.report.failure import raise_if_swallowed
from tests.kit.story import faulty

RED = (NotContained, Inconclusive)
UNCLEAR = availability(at_least_percent=99)  # of ten requests


def run_of(n=10, **hold):
    return Run(faulty(n, **hold).history)


def left_unnamed(catch, run=None):
    run = run or run_of()
    catch(run, lambda: run.check(all=[UNCLEAR]))
    return Record(runs=[run]).swallowed()


def any_assertion(run, act):
    with pytest.raises(AssertionError):
        act()


def any_of_two(run, act):
    with pytest.raises((NotContained, AssertionError)):
        act()


def any_exception(run, act):
    with pytest.raises(Exception, match="check"):
        act()


def any_error_is_passed(run, act):
    try:  # noqa: SIM105 (as users write it)
        act()
    except Exception:
        pass


def suppressed(run, act):
    with suppress(AssertionError):
        act()


def left_by_finally(run, act):
    try:
        run.warnings  # noqa: B018
    finally:
        with suppress(BaseException):
            act()


def returned_from_finally(run, act):
    try:
        act()
    finally:
        return  # noqa: B012


def only_told_of_in_its_docstring(run, act):
    """Take an inconclusive verdict for a red one."""
    with suppress(AssertionError):
        act()


def by_unittest(run, act):
    with unittest.TestCase().assertRaises(AssertionError):  # noqa: PT027 (as users write it)
        act()


def any_red(run, act):
    @contextmanager
    def red():
        with pytest.raises(AssertionError):
            yield

    with red():
        act()


UNNAMED = [
    any_assertion,
    any_of_two,
    any_exception,
    any_error_is_passed,
    suppressed,
    left_by_finally,
    returned_from_finally,
    only_told_of_in_its_docstring,
    by_unittest,
    any_red,
]


@pytest.mark.parametrize("catch", UNNAMED)
def test_wrong_a_catch_that_does_not_name_it(catch):
    (report,) = left_unnamed(catch)
    with pytest.raises(Inconclusive, match=r"does not name it: write pytest\.raises\(NotContained\) for a violation"):
        raise_if_swallowed([report])


def by_name(run, act):
    with pytest.raises(Inconclusive):
        act()


def by_attribute(run, act):
    with pytest.raises(problems.Inconclusive):
        act()


def by_a_tuple(run, act):
    with pytest.raises(RED):
        act()


def by_a_parameter(run, act, expected=(Inconclusive, TestbedError)):
    with pytest.raises(expected):
        act()


def by_except(run, act):
    try:  # noqa: SIM105 (as users write it)
        act()
    except Inconclusive:
        pass


def by_the_type(run, act):
    with pytest.raises(AssertionError) as caught:
        act()
    assert type(caught.value) is Inconclusive


def by_the_word(run, act):
    with pytest.raises(AssertionError, match="INCONCLUSIVE"):
        act()


def by_a_look(run, act):
    with pytest.raises(AssertionError):
        act()
    assert run.reports[-1].red


def by_a_helper(run, act):
    @contextmanager
    def unclear():
        with pytest.raises(Inconclusive):
            yield

    with unclear():
        act()


NAMED = [
    by_name,
    by_attribute,
    by_a_tuple,
    by_a_parameter,
    by_except,
    by_the_type,
    by_the_word,
    by_a_look,
    by_a_helper,
]


@pytest.mark.parametrize("catch", NAMED)
def test_a_catch_that_names_it_is_meant(catch):
    assert left_unnamed(catch) == []
    raise_if_swallowed([])


def test_what_holds_later_in_the_test_was_tried_again():
    first, then = run_of(), run_of(1000)
    any_assertion(first, lambda: first.check(all=[UNCLEAR]))
    assert len(Record(runs=[first]).swallowed()) == 1
    then.check(all=[UNCLEAR])
    assert Record(runs=[first, then]).swallowed() == []
    then.check(all=[statuses(200)])
    assert len(Record(runs=[first]).swallowed()) == 1


def test_a_violated_verdict_may_be_caught_by_any_name():
    run = run_of(status=503)
    any_assertion(run, lambda: run.check(all=[statuses(200)]))
    assert Record(runs=[run]).swallowed() == []
    assert run.overlooked == []


def test_a_run_that_ended_early_is_caught_by_name_as_well():
    from testbed.checks.judging.report import Report

    run = run_of()
    any_assertion(run, lambda: run.end(Report((), blind="precondition failed")))
    assert len(Record(runs=[run]).swallowed()) == 1
