"""The example under a red verdict: the worst hop first, the fault's own hop always, the rest counted."""

from dataclasses import replace

from testbed.checks import availability, statuses
from testbed.checks.judging.explain import worst
from testbed.history.events import Arrival
from testbed.history.outcomes import BROKEN_OFF, CLIENT_GONE
from tests.kit.blame import Planted, system
from tests.kit.story import Story

FAN = ("front -> catalog", "front -> pay", "pay -> bank")


def fan(status=504, n=4):
    """A page with 15 good calls, then one that hangs two hops below."""
    run = Planted(system(*FAN), "pay -> bank", n=n, status=lambda i: status if i == 0 else 200)
    for i in range(15):
        run.hop("front -> catalog", ms=5 + i / 10, at_ms=i)
    run.hop("front -> pay", ms=2000, status=504, at_ms=20)
    run.hop("pay -> bank", ms=1990, status=0, outcome=CLIENT_GONE, at_ms=25)
    return run


def lines(run):
    return [line.strip() for line in run.red(statuses(200)).next.splitlines()]


def test_the_hop_that_hung_comes_first_and_equal_hops_are_counted():
    assert lines(fan())[1:] == [
        "pay -> bank, bank-1, attempt 1: client disconnected (DC) after 1,990 ms",
        "front -> pay, pay-1, attempt 1: 504 after 2,000 ms",
        "front -> catalog, catalog-1, attempt 1: 200 after 6.4 ms, and 14 more like this",
    ]


def test_a_hop_under_the_fault_is_shown_however_many_others_are_worse():
    edges = tuple(f"front -> s{i}" for i in range(8))
    run = Planted(system(*edges), "front -> s7", status=lambda i: 500 if i == 0 else 200)
    for i in range(7):
        run.hop(f"front -> s{i}", ms=10, status=500)
    run.hop("front -> s7", ms=1)
    text = lines(run)
    assert len(text) == 1 + 5 + 1 + 1
    assert text[-2].startswith("front -> s7, s7-1, attempt 1: 200 after 1 ms")
    assert text[-1] == "... 2 more"


def test_the_second_try_has_a_line_of_its_own_and_later_equal_ones_are_counted():
    run = Planted(system("front -> pay"), "front -> pay", status=lambda i: 503 if i == 0 else 200)
    run.hop("front -> pay", ms=60, status=503, tries=6)
    assert [line.partition(", attempt ")[2] for line in lines(run)[1:]] == [
        "1: 503 after 10 ms",
        "2: 503 after 10 ms",
        "3: 503 after 10 ms, and 3 more like this",
    ]


def test_an_arrival_that_the_test_proxy_answered_is_told_as_that():
    run = Planted(system("front -> pay"), "front -> pay", status=lambda i: 503 if i == 0 else 200)
    request = run.requests[0]
    run.events.append(
        Arrival(request.id, "front -> pay", "front-1", "pay-1", 1, request.sent, 1.0, 503, flags="UF", own=True)
    )
    assert lines(run)[1].endswith("503 (UF) after 1 ms, answered by the test proxy itself")


def test_the_example_is_the_request_without_an_answer_not_the_first_that_failed():
    story = Story()
    story.phase("hold", 4, status=lambda i: [200, 503, 0, 503][i], latency=lambda i: [20.0, 90.0, 30.0, 95.0][i])
    assert story.verdict(availability(at_least_percent=100)).next.startswith("request hold-2 ")
    assert worst(story.history.index.requests[:2]).id == "hold-1"


def test_a_call_that_was_cut_off_is_shown_although_its_attempt_looks_good():
    run = Planted(system("front -> pay"), "front -> pay", status=lambda i: 500 if i == 0 else 200)
    run.hop("front -> pay", ms=500, status=200)
    cut = run.events.pop()
    run.events.append(replace(cut, outcome=BROKEN_OFF, flags="UT"))
    assert "front -> pay from front-1: 200, answer broke off (UT) after 500 ms" in lines(run)
