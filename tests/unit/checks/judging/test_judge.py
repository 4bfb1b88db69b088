import subprocess
import sys
import time
from dataclasses import dataclass, field

import pytest

import testbed.checks
from testbed.checks import (
    CHECKS,
    Check,
    attempts,
    availability,
    circuit_breaker,
    fallback,
    judge,
    load_shedding,
    max_latency,
    p99,
    quantile,
    statuses,
)
from testbed.checks.judging.judge import judge_each
from testbed.errors import CheckError, Inconclusive, NotContained, TestbedError
from testbed.history.events import Arrival, ProcessEvent, Request
from testbed.history.file import History
from testbed.report.failure import raise_if_red
from tests.kit.story import EDGE, EPOCH, Story, faulty, quiet


@dataclass(frozen=True)
class broken(Check):
    """A third party's check with a mistake in it."""

    error: Exception = field(default_factory=lambda: ZeroDivisionError("division by zero"))
    bound = "none"

    def judge(self, view):
        raise self.error


# -- reports


def test_everything_is_judged_and_raised_once():
    checks = [max_latency(under_ms=10), statuses(200), availability(at_least_percent=99)]
    report = judge(quiet(50).history, all=checks)
    assert [verdict.outcome for verdict in report.verdicts] == ["violated", "held", "inconclusive"]
    assert report.outcome == "violated"
    assert [verdict.outcome for verdict in report.red] == ["violated", "inconclusive"]
    with pytest.raises(NotContained) as raised:
        raise_if_red(report)
    text = str(raised.value)
    first = "3 checks: 1 FAIL, 1 INCONCLUSIVE, 1 PASS; max_latency(under_ms=10) for all: 20 ms, expected < 10 ms"
    assert text.splitlines()[0] == report.headline == first
    assert "verdict" in text
    assert "hold 299" not in " ".join(text.split())
    assert "needs 299 requests" in " ".join(text.split())


def test_inconclusive_is_red_and_has_its_own_name():
    report = judge(quiet(50).history, all=[statuses(200), availability(at_least_percent=99)])
    assert report.outcome == "inconclusive"
    with pytest.raises(Inconclusive, match="2 checks: 1 INCONCLUSIVE, 1 PASS"):
        raise_if_red(report)


def test_green_raises_nothing():
    report = judge(quiet(50).history, all=[statuses(200)])
    assert (report.outcome, report.red, report.headline) == ("held", (), "1 check: 1 PASS")
    raise_if_red(report)


def test_load_without_any_check_is_inconclusive():
    report = judge(quiet(50).history)
    assert report.outcome == "inconclusive"
    with pytest.raises(Inconclusive, match="load without any check"):
        raise_if_red(report)


def test_the_traceback_ends_in_the_users_line(pytester):
    pytester.makepyfile("""
        from testbed.checks import Report, Verdict

        def test_it():
            red = Verdict("max_latency(under_ms=5)", "all", "hold", "violated", "9 ms", "< 5 ms", 3, why="WHY")
            raise_if_red(Report((red,)))
    """)
    result = pytester.runpytest_inprocess("-p", "no:randomly", "-p", "no:cacheprovider")
    result.assert_outcomes(failed=1)
    out = result.stdout.str()
    assert "WHY" in out
    assert "def raise_if_red" not in out


def test_a_report_says_which_run_it_judges():
    report = judge(quiet(50).history, all=[statuses(200)])
    assert (report.test, report.mesh, report.seed) == ("test_it", "envoy", 42)
    (verdict,) = report.verdicts
    assert (verdict.check, verdict.outcome, verdict.n) == ("statuses(200)", "held", 50)
    assert judge(History([]), all=[]).seed is None


def test_a_check_that_crashes_is_inconclusive_never_a_pass():
    (verdict,) = judge(quiet(50).history, all=[broken()]).verdicts
    assert verdict.outcome == "inconclusive"
    assert verdict.why == "the check raised an error: ZeroDivisionError: division by zero"
    assert "test_judge.py:" in verdict.next


def test_trouble_of_our_own_is_no_verdict():
    with pytest.raises(TestbedError, match="disc full"):
        judge(quiet(50).history, all=[broken(TestbedError("disc full"))])


# -- deaths (rule 3)


def test_an_app_that_dies_because_of_a_fault_is_a_violation():
    story = faulty(50)
    story.events.append(ProcessEvent(EPOCH + 4.25, "pricing-1/app", "died", "exit 1\npanic: out of memory"))
    report = judge(story.history, all=[statuses(200)])
    held, died = report.verdicts
    assert held.outcome == "held"
    assert (died.outcome, died.observed, died.phase) == ("violated", "pricing-1/app died", "hold")
    assert died.why.startswith("pricing-1/app died 0.25 s after f1 latency(ms=800)")
    assert "panic: out of memory" in died.why


def test_an_app_that_dies_with_no_fault_in_force_is_a_violation_with_its_request():
    story = faulty(50)
    first = next(event for event in story.events if isinstance(event, Request))
    story.events.append(Arrival(first.id, EDGE, "checkout-1", "pricing-1", 1, EPOCH + 3.8, 90.0, 503, outcome="reset"))
    story.events.append(ProcessEvent(EPOCH + 3.9, "pricing-1/app", "died", "exit code 3"))
    _, died = judge(story.history, all=[statuses(200)]).verdicts
    assert (died.outcome, died.why) == ("violated", "pricing-1/app died with no fault in force: exit code 3")
    assert f"the last that it had begun was request {first.id} (GET /, user u0)" in died.next


@pytest.mark.parametrize("process", ["pricing-1/proxy", "inlet", "links"])
def test_any_other_death_is_our_trouble(process):
    story = faulty(50)
    story.events.append(ProcessEvent(EPOCH + 4.25, process, "died", "signal 11"))
    with pytest.raises(TestbedError, match=f"{process} died"):
        judge(story.history, all=[statuses(200)])


def test_what_a_fault_does_to_a_process_is_no_death():
    story = faulty(50)
    story.events.append(ProcessEvent(EPOCH + 4.1, "pricing-1/app", "kill"))
    assert len(judge(story.history, all=[statuses(200)]).verdicts) == 1


# -- what is not a list of checks


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (statuses(200), r"all= takes a list of checks: all=\[statuses\(200\)\]"),
        ("p99", "all= takes a list of checks"),
        ([p99], "is not a check; call it with its bound"),
        ([statuses], "is not a check; call it with its bound"),
        ([5], "holds 5, which is not a check$"),
        ({statuses(200)}, "all= takes a list of checks"),
    ],
)
def test_what_is_not_a_list_of_checks_is_refused(given, message):
    with pytest.raises(CheckError, match=message):
        judge(quiet(50).history, all=given)


@pytest.mark.parametrize(
    "checks",
    [
        [p99(under_ms=100), p99(under_ms=200)],
        [p99(under_ms=100), quantile(99, under_ms=100)],
        [statuses(200), statuses(503)],
        [availability(at_least_percent=99), availability(at_least_percent=99)],
        [max_latency(under_ms=5), max_latency(under_ms=5).during("hold")],
        [fallback("list-price"), fallback("list-price", at_least_percent=50)],
    ],
)
def test_the_same_thing_bounded_twice_is_refused(checks):
    with pytest.raises(CheckError, match=r"\(all, hold\): they bound the same thing twice"):
        judge(quiet(50).history, all=checks)


def test_different_things_may_be_bounded_together():
    checks = [
        p99(under_ms=100),
        p99(above_baseline_ms=100),
        quantile(95, under_ms=100),
        max_latency(under_ms=5),
        max_latency(under_ms=5).during("baseline"),
    ]
    assert len(judge(quiet(50).history, all=checks).verdicts) == 5
    story = faulty(5)
    assert (
        len(judge(story.history, touched=[max_latency(under_ms=5)], untouched=[max_latency(under_ms=5)]).verdicts) == 2
    )


def test_bad_checks_are_refused_before_any_is_judged():
    with pytest.raises(CheckError, match="no phase 'healed'"):
        judge(quiet(50).history, all=[broken(TestbedError("judged")), max_latency(under_ms=5).during("healed")])


# -- checks as values


@pytest.mark.parametrize(
    "text",
    [
        "availability(at_least_percent=99)",
        "availability(at_least_percent=99.5).during('healed')",
        "quantile(95, under_ms=250)",
        "p99(under_ms=250)",
        "p50(above_baseline_ms=20.5)",
        "p90(under_ms=1)",
        "max_latency(under_ms=700)",
        "statuses(200, 404)",
        "statuses(200).during('recover')",
        "attempts('checkout -> pricing', at_most=3)",
        "attempts('checkout -> pricing', exactly=0, per='request')",
        "call_duration('checkout -> pricing', under_ms=600)",
        "fallback('list-price')",
        "fallback('list-price', at_least_percent=50)",
        "recovery(within_s=2)",
    ],
)
def test_a_check_reads_as_its_author_wrote_it(text):
    check = eval(text, dict(CHECKS))
    assert str(check) == text
    assert check == eval(text, dict(CHECKS))
    assert hash(check) == hash(eval(text, dict(CHECKS)))


def test_checks_are_values():
    check = max_latency(under_ms=700)
    later = check.during("healed")
    assert (check.phase, later.phase) == (None, "healed")
    assert check != later
    with pytest.raises(AttributeError):
        check.under_ms = 5


# -- the registry


def test_every_check_has_its_file_and_its_line():
    assert {name for name in CHECKS if name not in ("p50", "p90", "p99")} == {
        name for name in vars(testbed.checks) if f"testbed.checks.{name}" in sys.modules
    } - {"judging"}


# -- cost


def test_importing_the_checks_imports_nothing_heavy():
    heavy = ("scipy", "numpy", "rich", "pydantic", "httpx", "importlib.metadata")
    code = f"import sys, testbed.checks, testbed.report.verdict_table; print([m for m in {heavy} if m in sys.modules])"
    out = subprocess.run(
        [sys.executable, "-S", "-c", _on_path(code)], capture_output=True, text=True, check=True
    ).stdout
    assert out.strip() == "[]"


def _on_path(code):
    return f"import sys; sys.path[:0] = {sys.path!r}; {code}"


def test_ten_thousand_requests_are_judged_in_a_moment():
    story = Story()
    story.phase("baseline", 5_000, rps=1000, cohort=lambda i: "a" if i % 10 == 0 else "b")
    requests = story.phase("hold", 5_000, rps=1000, cohort=lambda i: "a" if i % 10 == 0 else "b")
    story.fault(5.0, 10.0, plane="inlet", cohort="a")
    story.attempts(requests, 2)
    story.arrivals(requests, 1)
    story.arrivals([request for request in requests if request.cohort == "a"], 1, fault="f1")
    both = [availability(at_least_percent=99), p99(above_baseline_ms=20), max_latency(under_ms=700), statuses(200)]
    edge = [attempts("checkout -> pricing", at_most=3), attempts("checkout -> pricing", exactly=2, per="request")]
    history = story.history
    begun = time.process_time()
    report = judge(history, all=both, affected=[*both, *edge], unaffected=both, touched=both)
    assert time.process_time() - begun < 2  # 0.1 where nothing else runs; in quadratic time it would be far above
    assert report.outcome == "held"


@pytest.mark.parametrize(
    ("check", "reaction"),
    [
        (fallback("list-price"), True),
        (statuses(503), True),
        (statuses(200, 503), False),
        (attempts(EDGE, at_least=2), True),
        (load_shedding(EDGE, rejects_within_ms=9), True),
        (attempts(EDGE, exactly=1), False),
        (attempts(EDGE, at_most=3), False),
        (max_latency(under_ms=9), False),
    ],
    ids=str,
)
def test_a_check_of_a_reaction_says_so_in_its_verdict(check, reaction):
    assert faulty().verdict(check).reaction is reaction


def test_judged_one_by_one_a_check_that_cannot_be_judged_keeps_no_other_from_it():
    report = testbed.checks.judge_each(
        faulty().history, all=[attempts("checkout -> prising", at_most=1), max_latency(under_ms=1)]
    )
    assert [(verdict.outcome, verdict.n) for verdict in report.verdicts] == [("inconclusive", 0), ("violated", 400)]
    assert "did you mean 'checkout -> pricing'" in report.verdicts[0].why
    assert testbed.checks.judge_each(faulty().history).verdicts == ()


@pytest.mark.parametrize(
    ("check", "title"),
    [
        (availability(at_least_percent=99), "availability"),
        (quantile(95, under_ms=250).during("hold"), "quantile 95"),
        (p99(under_ms=250), "p99"),
        (statuses(200, 404), "statuses 200, 404"),
        (attempts("checkout->pricing", at_most=3, per="request"), "attempts checkout -> pricing"),
        (circuit_breaker("checkout -> pricing", attempts_while_open=(0, 12)), "circuit_breaker checkout -> pricing"),
        (fallback("list-price"), "fallback list-price"),
    ],
)
def test_a_verdict_says_what_it_is_about_without_the_bounds(check, title):
    assert check.title == title
    assert [verdict.title for verdict in judge_each(quiet().history, all=[check]).verdicts] == [title]
