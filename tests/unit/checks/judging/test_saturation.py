"""The testbed's own slowness puts in doubt what it can have caused, and nothing else: counts and times alike."""

from dataclasses import replace

import pytest

from testbed.checks import (
    attempts,
    availability,
    call_duration,
    circuit_breaker,
    contained,
    fallback,
    max_latency,
    outlier_ejection,
    p90,
    p99,
    recovery,
    statuses,
)
from testbed.checks.judging.saturation import SATURATED, starved
from testbed.history.events import Arrival, Attempt, Call, Request, Sample
from testbed.history.outcomes import LIMIT, NO_HOST, TIMEOUT
from tests.kit.story import EDGE, EPOCH, LINK, Story, faulty, quiet

SLOW = [
    p99(under_ms=300),
    max_latency(under_ms=300),
    p90(above_baseline_ms=300),
    call_duration("client -> frontend", under_ms=300),
]
ALMOST_NOTHING = {"text": f"delay(ms=1).on({EDGE!r})", "name": "delay"}


def run(ms, latency=500.0, start=4.5):
    story = quiet(400, latency=latency)
    story.probes(start, start + 4.0, ms)
    return story


def now_and_then(slow, every, ms=40.0):
    return lambda i: ms if i % every < slow else 0.6


# -- times: the excess against what the testbed can have added


@pytest.mark.parametrize("check", SLOW)
def test_a_latency_above_the_bound_may_be_testbed_overhead(check):
    verdict = run(250.0).verdict(check)
    assert verdict.outcome == "inconclusive"
    assert verdict.why == (
        "the testbed was saturated: in hold the no-op probe through the test proxies took up to 250 ms; this delay is "
        "part of every latency, and explains the verdict"
    )
    assert (verdict.source, verdict.next.split(":")[0]) == ("testbed", "the machine is saturated")
    assert verdict.observed


@pytest.mark.parametrize("check", SLOW)
def test_what_is_later_than_the_testbed_can_have_made_it_is_late(check):
    assert run(40.0).verdict(check).outcome == "violated"
    assert run(now_and_then(1, 20, ms=250.0)).verdict(check).outcome == "violated"  # most requests met no slow probe
    assert quiet(400, latency=500.0).verdict(check).outcome == "violated"  # nobody looked


@pytest.mark.parametrize("check", SLOW)
def test_what_held_on_a_saturated_testbed_is_proved(check):
    assert run(80.0, latency=20.0).verdict(check).outcome == "held"


def test_every_attempt_passes_through_the_testbed_again():
    story = faulty(400, tries=4, latency=500.0)
    story.probes(4.0, 9.0, 60.0)
    assert story.verdict(max_latency(under_ms=300)).outcome == "inconclusive"  # 5 passages of up to 60 ms
    assert story.verdict(max_latency(under_ms=150)).outcome == "violated"


def test_a_long_stall_concerns_those_who_met_it():
    one = [500.0 if i == 100 else 20.0 for i in range(400)]
    assert run(now_and_then(1, 40, ms=400.0), latency=lambda i: one[i]).verdict(max_latency(under_ms=300)).outcome == (
        "violated"
    )
    met = run(lambda i: 400.0 if i == 10 else 0.6, latency=lambda i: one[i])
    assert met.verdict(max_latency(under_ms=300)).outcome == "inconclusive"


def test_it_does_not_matter_which_way_a_stall_hit():
    story = quiet(400, latency=500.0)
    for at in range(46, 95):
        story.events.append(Sample(EPOCH + at / 10, "probe", {"inlet_ms": 280.0, "through_ms": 0.5}))
    assert story.verdict(max_latency(under_ms=300)).outcome == "inconclusive"


def test_a_slow_baseline_puts_in_doubt_only_what_held_against_it():
    story = run(80.0, latency=20.0, start=0.5)
    assert "in baseline" in story.verdict(p99(above_baseline_ms=10)).why
    assert story.verdict(p99(under_ms=50)).outcome == "held"
    assert run(80.0, start=0.5).verdict(p99(above_baseline_ms=20)).outcome == "violated"


def test_what_would_hold_against_a_baseline_of_nothing_is_beyond_doubt():
    story = run(80.0, latency=20.0, start=0.5)
    assert story.verdict(p99(above_baseline_ms=60)).outcome == "held"


def test_another_phase_does_not_matter():
    assert run(280.0, start=0.0).verdict(max_latency(under_ms=300).during("hold")).outcome == "violated"


def test_a_call_that_a_proxy_timed_and_a_late_recovery_are_times_too():
    story = faulty(400, recover=100)
    story.probes(4.0, 10.0, 80.0)
    assert story.verdict(call_duration(EDGE, under_ms=4)).outcome == "inconclusive"
    late = faulty(400)
    late.phase("recover2", 100, status=lambda i: 503 if i < 10 else 200)
    late.probes(8.0, 10.0, 80.0)
    assert late.verdict(recovery(within_s=1.05).during("recover2")).outcome == "inconclusive"
    assert late.verdict(recovery(within_s=0.5).during("recover2")).outcome == "violated"


# -- counts: a request that the testbed can have broken is no proof


def timed_out(n=100, of=400, lasts_ms=1000.0, **fault):
    """Tell of a hold in which the first `n` requests time out on the edge, and their caller says 504."""
    story = Story()
    story.phase("baseline", 100)
    end = story.now
    requests = story.phase(
        "hold", of, status=lambda i: 504 if i < n else 200, latency=lambda i: lasts_ms if i < n else 20.0
    )
    story.fault(1.0, 1.0 + of / 100, **(ALMOST_NOTHING | fault))
    story.attempts(requests)
    late = {request.id for request in requests[:n]}
    broken = {"status": 504, "outcome": TIMEOUT, "duration_ms": lasts_ms}
    story.events = [
        replace(e, **broken) if isinstance(e, Attempt | Call) and e.request in late else e for e in story.events
    ]
    assert end == EPOCH + 1
    return story


COUNTS = [statuses(200), availability(at_least_percent=99), contained(at_most=3), availability(at_least_percent=100)]


@pytest.mark.parametrize("check", COUNTS)
def test_timeouts_while_the_probe_took_longer_are_in_doubt(check):
    story = timed_out()
    story.probes(0.0, 8.0, 900.0)
    verdict = story.verdict(check)
    assert verdict.outcome == "inconclusive"
    assert verdict.why.startswith(f"{SATURATED}: ")
    assert "the no-op probe through the test proxies took up to 900 ms" in verdict.why
    assert "this can be the reason for how 100 of 40" in verdict.why
    assert "requests ended; of the others: " in verdict.why


@pytest.mark.parametrize("check", COUNTS)
def test_timeouts_on_a_quick_testbed_are_the_systems(check):
    for ms in (0.6, 40.0, 80.0):
        story = timed_out()
        story.probes(0.0, 8.0, ms)
        verdict = story.verdict(check)
        assert (verdict.outcome, "testbed" in verdict.why) == ("violated", False)


@pytest.mark.parametrize("check", COUNTS)
def test_only_what_met_the_slowness_is_in_doubt(check):
    story = timed_out(n=200)
    story.probes(0.0, 1.4, 900.0)
    story.probes(2.3, 8.0, 0.6)
    verdict = story.verdict(check)
    assert verdict.outcome == "violated"
    assert "; this is so also without " in verdict.why
    assert "requests that the testbed itself may have broken (in " in verdict.why


@pytest.mark.parametrize("check", COUNTS)
def test_an_error_at_once_is_never_in_doubt(check):
    story = timed_out(lasts_ms=3.0)
    story.events = [replace(e, outcome="") if isinstance(e, Attempt | Call) else e for e in story.events]
    story.probes(0.0, 8.0, 900.0)
    assert story.verdict(check).outcome == "violated"


@pytest.mark.parametrize("check", COUNTS)
def test_an_error_of_a_service_that_calls_nobody_is_never_in_doubt(check):
    story = timed_out()
    story.events = [replace(e, status=500, outcome="") if isinstance(e, Attempt | Call) else e for e in story.events]
    story.probes(0.0, 8.0, 900.0)
    assert story.verdict(check).outcome == "violated"


@pytest.mark.parametrize(
    "fault",
    [
        {"name": "hang", "text": f"hang().on({EDGE!r})", "plane": "link"},
        {"name": "delay", "text": f"delay(ms=3000).on({EDGE!r})", "plane": "link"},
    ],
)
@pytest.mark.parametrize("check", COUNTS)
def test_what_the_fault_explains_is_never_in_doubt(check, fault):
    story = timed_out(**fault)
    story.probes(0.0, 8.0, 900.0)
    assert story.verdict(check).outcome == "violated"


def test_a_fault_in_the_inlet_explains_only_those_that_it_met():
    hang = {"name": "hang", "text": f"hang(percent=10).on({EDGE!r})", "plane": "inlet"}
    story = timed_out(**hang)
    story.probes(0.0, 8.0, 900.0)
    met = Arrival("hold-0", EDGE, *LINK.split("--"), 1, EPOCH + 1.002, 1000.0, 0, fault="f1")
    story.events.append(met)
    assert story.verdict(contained()).outcome == "violated"
    assert story.verdict(contained(at_most=1)).outcome == "inconclusive"


def test_a_proxy_that_was_stopped_explains_a_timeout_of_ten_seconds():
    story = quiet(400, status=0, latency=10_000.0)
    for second in range(12):
        story.events.append(Sample(EPOCH + 6 + second * 1.1, "probe", {"inlet_ms": 1.0, "through_ms": 1001.0}))
    verdict = story.verdict(statuses(200))
    assert verdict.outcome == "inconclusive"
    assert "the no-op probe through the test proxies got no answer for 13,102 ms" in verdict.why
    assert "this can be the reason for how 400 of 400 requests ended" in verdict.why


def test_a_test_process_that_stood_still_is_a_sick_testbed_too():
    story = timed_out(n=400, lasts_ms=2000.0)
    story.probes(0.0, 1.0, 0.6)
    story.probes(6.0, 8.0, 0.6)
    assert story.verdict(statuses(200)).outcome == "inconclusive"


def stopped(story, process="checkout-1/envoy", life=1, without=(4.5, 7.5), every_s=0.25):
    """The proxy of a caller is sampled often, but not in these seconds."""
    times = [i * every_s for i in range(round(9 / every_s)) if not without[0] < i * every_s < without[1]]
    story.events += [Sample(EPOCH + at, process, {"rq_total": at}, EDGE, ("checkout-1",), life) for at in times]
    story.probes(0.0, 9.0, 0.6)
    return story


def test_planted_a_sidecar_that_was_stopped_from_outside_explains_timeouts_of_that_time():
    late = {"latency": lambda i: 2000.0 if 100 <= i < 110 else 20.0}
    missing = late | {"status": lambda i: 0 if 100 <= i < 110 else 200}
    for told, check in ((late, max_latency(under_ms=300)), (missing, statuses(200))):
        verdict = stopped(quiet(400, **told)).verdict(check)
        assert verdict.outcome == "inconclusive"
        assert "the proxy of a caller did not answer for 3,000 ms" in verdict.why


def test_fixed_what_a_stopped_sidecar_cannot_explain_is_violated():
    slow = {"latency": lambda i: 2000.0 if 100 <= i < 110 else 20.0}
    check = max_latency(under_ms=300)
    assert stopped(quiet(400, status=503)).verdict(statuses(200)).outcome == "violated"  # errors at once
    assert stopped(quiet(400, **slow), without=(0, 0)).verdict(check).outcome == "violated"  # it answered
    assert stopped(quiet(400, **slow), without=(4.5, 5.5)).verdict(check).outcome == "violated"  # too short
    assert stopped(quiet(400, **slow), without=(0, 0), every_s=2.5).verdict(check).outcome == "violated"  # it never was
    story = faulty(400, **slow)
    story.fault(5.0, 6.0, id="f2", plane="process", text="pause().on(service='checkout')", name="pause")
    assert stopped(story).verdict(check).outcome == "violated"  # the fault stopped it


def test_a_load_that_was_later_than_the_patience_puts_timeouts_in_doubt():
    assert quiet(400, status=0, latency=2000.0, late_p99_ms=1500.0).verdict(statuses(200)).outcome == "inconclusive"
    assert quiet(400, status=0, latency=2000.0, late_p99_ms=100.0).verdict(statuses(200)).outcome == "violated"


def test_more_attempts_than_allowed_may_be_retries_of_what_the_testbed_held_up():
    story = timed_out(lasts_ms=150.0)
    again = [replace(e, number=2, status=200, outcome="") for e in story.events if isinstance(e, Attempt) and e.outcome]
    story.events += again
    assert story.verdict(attempts(EDGE, at_most=1)).outcome == "violated"
    story.probes(0.0, 8.0, 140.0)
    assert story.verdict(attempts(EDGE, at_most=1)).outcome == "inconclusive"


def test_a_missing_answer_while_a_proxy_had_no_file_descriptors_left_is_in_doubt():
    story = quiet(400, status=lambda i: 0 if i < 50 else 200, latency=3.0)
    assert story.verdict(statuses(200)).outcome == "violated"
    story.events.append(Sample(EPOCH + 4.8, "files", {"links": 0.98, "inlet": 0.4}))
    verdict = story.verdict(statuses(200))
    assert verdict.outcome == "inconclusive"
    assert "a process of the testbed had no file descriptors left" in verdict.why
    story.events.insert(1, Sample(EPOCH, "open files", {"limit": 40.0}))
    assert "no file descriptors left (open files: limit 40)" in story.verdict(statuses(200)).why
    story.events[-1] = replace(story.events[-1], values={"links": 0.5, "inlet": 0.4})
    assert story.verdict(statuses(200)).outcome == "violated"


def test_a_load_driver_without_file_descriptors_says_so_itself():
    story = quiet(400, status=lambda i: 0 if i < 50 else 200, latency=3.0)
    story.events = [
        replace(e, error="other: socket: too many open files") if isinstance(e, Request) and not e.status else e
        for e in story.events
    ]
    assert "no file descriptors left" in story.verdict(statuses(200)).why


def test_the_trouble_of_the_testbed_is_said_before_a_fault_that_met_nobody():
    story = quiet(400, status=lambda i: 0 if i < 50 else 200, latency=3.0)
    story.fault(4.5, 8.0)
    alone = story.verdict(statuses(200))
    story.events.append(Sample(EPOCH + 4.8, "files", {"inlet": 0.98}))
    both = story.verdict(statuses(200))
    assert (alone.outcome, alone.why.startswith("the fault f1")) == ("inconclusive", True)
    assert both.why == (
        f"{SATURATED}: in {both.phase} a process of the testbed had no file descriptors left (ulimit -n); {alone.why}"
    )
    assert both.source == "testbed"


# -- reactions: what slowness can have caused does not prove them


def fell_back(ms, n=400, **fault):
    story = timed_out(n=n, lasts_ms=100.0, **fault)
    answer = {"status": 200, "fallbacks": ("list-price",)}
    story.events = [replace(e, **answer) if isinstance(e, Request) and e.status == 504 else e for e in story.events]
    story.probes(0.0, 8.0, ms)
    return story.verdict(fallback("list-price", at_least_percent=50))


def test_a_fallback_because_of_our_own_slowness_proves_nothing():
    verdict = fell_back(220.0)
    assert verdict.outcome == "inconclusive"
    assert "this can be the reason for how 400 of 400 requests ended" in verdict.why


def test_a_fallback_on_a_quick_testbed_or_because_of_the_fault_is_a_proof():
    assert fell_back(0.6).outcome == "held"
    assert fell_back(220.0, name="latency", text="latency(ms=800)").outcome == "held"
    assert fell_back(220.0, name="stall", text="stall()").outcome == "held"


def test_retries_and_refusals_because_of_our_own_slowness_prove_nothing():
    story = timed_out(lasts_ms=150.0, n=400)
    story.events += [replace(e, number=2) for e in story.events if isinstance(e, Attempt)]
    assert story.verdict(attempts(EDGE, at_least=2)).outcome == "held"
    story.probes(0.0, 8.0, 140.0)
    assert story.verdict(attempts(EDGE, at_least=2)).outcome == "inconclusive"


@pytest.mark.parametrize("outcome", [LIMIT, NO_HOST])
def test_a_breaker_that_our_own_slowness_opened_proves_nothing(outcome):
    def told(ms, **fault):
        story = timed_out(lasts_ms=150.0, n=200, **fault)
        refused = {"status": 503, "outcome": outcome, "refused": True, "duration_ms": 0.1, "attempts": 0}
        later = EPOCH + 3
        story.events = [
            replace(e, **refused) if isinstance(e, Call) and e.start >= later else e
            for e in story.events
            if not (isinstance(e, Attempt) and e.start >= later)
        ]
        story.probes(0.0, 8.0, ms)
        return story.verdict(circuit_breaker(EDGE, opens_within_s=2.5)).outcome

    assert told(0.6) == "held"
    assert told(140.0) != "held"
    assert told(140.0, name="hang", text="hang()") == "held"


@pytest.mark.parametrize(("ms", "outcome"), [(0.6, "held"), (140.0, "inconclusive")])
def test_an_ejection_that_our_own_slowness_caused_proves_nothing(ms, outcome):
    story = timed_out(lasts_ms=150.0, n=400)
    later = [e for e in story.events if isinstance(e, Attempt) and e.start >= EPOCH + 2]
    story.events = [e for e in story.events if e not in later]
    story.events += [
        replace(e, callee="pricing-2", status=200, outcome="", duration_ms=5.0, start=e.start) for e in later
    ]
    story.probes(0.0, 2.0, ms)
    assert story.verdict(outlier_ejection(EDGE, replica="pricing-1", within_s=1.5)).outcome == outcome


# -- how it is said


def test_a_run_lacked_cpu_time_if_the_probe_was_slow_for_a_part_of_it():
    assert starved(quiet(400).history.index) == ""
    assert "exceeded 25 ms" in starved(run(30.0).history.index)
    assert starved(run(20.0).history.index) == ""
    assert starved(run(now_and_then(1, 40)).history.index) == ""


def test_it_names_the_processes_that_used_the_cpu():
    story = run(280.0)
    story.spent(4.5, links=1.0, inlet=2.0, load=0.1, test=0.5, machine=30.0, capacity=40.0)
    story.spent(8.5, links=2.6, inlet=5.2, load=0.5, test=0.9, machine=37.8, capacity=48.0)
    verdict = story.verdict(max_latency(under_ms=300))
    assert verdict.why.endswith("; CPU: 97.5 % of all cores busy (of this links 20 %, inlet 40 %, load 5 %, test 5 %)")
    assert verdict.next.startswith("the machine is saturated: lower rps=")


@pytest.mark.parametrize(
    ("check", "changes", "said"),
    [
        (max_latency(under_ms=300), {"latency": 500.0}, True),
        (call_duration("client -> frontend", under_ms=300), {"latency": 500.0}, True),
        (statuses(200), {"status": 0}, True),
        (statuses(200), {"status": 500}, False),
    ],
)
def test_a_machine_that_was_busy_throughout_is_said_beside_a_red_about_time(check, changes, said):
    story = quiet(400, **changes)
    for half in range(20):
        story.events.append(Sample(EPOCH + half / 2, "machine", {"machine": half * 1.0, "capacity": half * 1.0}))
    verdict = story.verdict(check)
    assert (verdict.outcome, "; all cores of the machine were busy in every sample" in verdict.why) == (
        "violated",
        said,
    )
    story.events.append(Sample(EPOCH + 6.2, "machine", {"machine": 12.2, "capacity": 12.4}))
    assert "all cores" not in story.verdict(check).why


def test_it_says_when_other_processes_used_the_cpu():
    story = run(280.0)
    story.spent(4.5, inlet=1.0, machine=30.0, capacity=40.0)
    story.spent(8.5, inlet=2.0, machine=38.0, capacity=48.0)
    assert story.verdict(max_latency(under_ms=300)).next.startswith("other processes are using the CPU")
