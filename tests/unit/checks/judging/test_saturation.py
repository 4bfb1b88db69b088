"""The testbed's own slowness puts in doubt what it can have caused: latencies that were too long, never counts."""

import pytest

from testbed.checks import attempts, call_duration, max_latency, p90, p99, recovery, statuses
from testbed.checks.judging.saturation import starved
from testbed.history.events import Sample
from tests.kit.story import EDGE, EPOCH, faulty, quiet

SLOW = [
    p99(under_ms=300),
    max_latency(under_ms=300),
    p90(above_baseline_ms=300),
    call_duration("client -> frontend", under_ms=300),
]


def run(ms, latency=500.0, start=4.5):
    story = quiet(400, latency=latency)
    story.probes(start, start + 4.0, ms)
    return story


def now_and_then(slow, every, ms=40.0):
    return lambda i: ms if i % every < slow else 0.6


@pytest.mark.parametrize("check", SLOW)
def test_a_latency_above_the_bound_may_be_testbed_overhead(check):
    verdict = run(now_and_then(3, 20)).verdict(check)
    assert verdict.outcome == "inconclusive"
    assert verdict.why == (
        "the testbed was saturated: in hold the no-op probe through the test proxies exceeded 30 ms in 15 % "
        "of samples (limit 5 %); this delay is part of every latency"
    )
    assert (verdict.source, verdict.next.split(":")[0]) == ("testbed", "the machine is saturated")
    assert verdict.observed


@pytest.mark.parametrize("check", SLOW)
def test_up_to_the_bound_the_verdict_stands(check):
    assert run(30.0).verdict(check).outcome == "violated"
    assert run(now_and_then(1, 20)).verdict(check).outcome == "violated"  # 5 % of the time
    assert quiet(400, latency=500.0).verdict(check).outcome == "violated"  # nobody looked


@pytest.mark.parametrize("check", SLOW)
def test_what_held_on_a_saturated_testbed_is_proved(check):
    assert run(80.0, latency=20.0).verdict(check).outcome == "held"


def test_counts_are_never_in_doubt():
    story = faulty(400, tries=3, status=503)
    story.probes(4.0, 8.0, 900.0)
    assert story.verdict(statuses(200)).outcome == "violated"
    assert story.verdict(attempts(EDGE, at_most=2)).outcome == "violated"


@pytest.mark.parametrize("check", [statuses(200), attempts(EDGE, at_most=2)])
def test_a_red_count_says_that_testbed_overhead_may_have_caused_a_timeout(check):
    story = faulty(400, tries=3, status=503)
    story.probes(4.0, 8.0, 90.0)  # half of 150 ms and more
    verdict = story.verdict(check)
    assert (verdict.outcome, verdict.why) == ("violated", faulty(400, tries=3, status=503).verdict(check).why)
    assert verdict.next.startswith(
        "the count is exact, but the 150 ms timeout may have been caused by testbed overhead: "
        "in hold the no-op probe through the test proxies exceeded 75 ms in 100 % of samples"
    )


def test_a_run_lacked_cpu_time_if_the_probe_was_slow_for_a_part_of_it():
    assert starved(quiet(400).history.index) == ""
    assert "exceeded 25 ms" in starved(run(30.0).history.index)
    assert starved(run(20.0).history.index) == ""
    assert starved(run(now_and_then(1, 40)).history.index) == ""


def test_a_red_count_on_a_quick_testbed_says_nothing_of_it():
    story = faulty(400, tries=3, status=503)
    story.probes(4.0, 8.0, 70.0)
    assert "testbed" not in story.verdict(statuses(200)).next
    assert "testbed" not in faulty(400, tries=3, status=503).verdict(statuses(200)).next


def test_a_long_stall_counts_for_the_probes_that_it_kept_from_being_sent():
    assert run(now_and_then(1, 40, ms=150.0)).verdict(max_latency(under_ms=300)).outcome == "violated"
    assert run(now_and_then(1, 40, ms=400.0)).verdict(max_latency(under_ms=300)).outcome == "inconclusive"


def test_it_does_not_matter_which_way_a_stall_hit():
    story = quiet(400, latency=500.0)
    for at in range(46, 85):
        story.events.append(Sample(EPOCH + at / 10, "probe", {"inlet_ms": 80.0, "through_ms": 0.5}))
    assert story.verdict(max_latency(under_ms=300)).outcome == "inconclusive"


def test_a_slow_baseline_puts_in_doubt_only_what_held_against_it():
    story = run(80.0, latency=20.0, start=0.5)
    assert "in baseline" in story.verdict(p99(above_baseline_ms=20)).why
    assert story.verdict(p99(under_ms=50)).outcome == "held"
    assert run(80.0, start=0.5).verdict(p99(above_baseline_ms=20)).outcome == "violated"


def test_what_would_hold_against_a_baseline_of_nothing_is_beyond_doubt():
    story = run(80.0, latency=20.0, start=0.5)
    assert story.verdict(p99(above_baseline_ms=60)).outcome == "held"


def test_another_phase_does_not_matter():
    assert run(80.0, start=0.0).verdict(max_latency(under_ms=300)).outcome == "violated"


def test_a_call_that_a_proxy_timed_and_a_late_recovery_are_latencies_too():
    story = faulty(400, recover=100)
    story.probes(4.0, 10.0, 80.0)
    assert story.verdict(call_duration(EDGE, under_ms=4)).outcome == "inconclusive"
    late = faulty(400)
    late.phase("recover2", 100, status=503)
    late.probes(8.0, 10.0, 80.0)
    assert late.verdict(recovery(within_s=0.5).during("recover2")).outcome == "inconclusive"
    assert late.verdict(recovery(within_s=0.9).during("recover2")).outcome == "violated"  # bears 90 ms


def test_it_names_the_processes_that_used_the_cpu():
    story = run(80.0)
    story.spent(4.5, links=1.0, inlet=2.0, load=0.1, test=0.5, machine=30.0, capacity=40.0)
    story.spent(8.5, links=2.6, inlet=5.2, load=0.5, test=0.9, machine=37.8, capacity=48.0)
    verdict = story.verdict(max_latency(under_ms=300))
    assert verdict.why.endswith("; CPU: 97.5 % of all cores busy (of this links 20 %, inlet 40 %, load 5 %, test 5 %)")
    assert verdict.next.startswith("the machine is saturated: lower rps=")


def test_it_says_when_other_processes_used_the_cpu():
    story = run(80.0)
    story.spent(4.5, inlet=1.0, machine=30.0, capacity=40.0)
    story.spent(8.5, inlet=2.0, machine=38.0, capacity=48.0)
    assert story.verdict(max_latency(under_ms=300)).next.startswith("other processes are using the CPU")
