"""No vacuous pass: a run that cannot answer makes every check inconclusive, and says why."""

from dataclasses import replace

import pytest

from testbed.checks import (
    attempts,
    availability,
    call_duration,
    fallback,
    judge,
    max_latency,
    p50,
    p99,
    recovery,
    statuses,
)
from testbed.history.events import Arrival, Attempt, Evidence, Request, ScheduleAdherence
from testbed.history.file import History
from testbed.history.journal import Journal
from tests.kit.story import EDGE, EPOCH, LINK, Story, faulty, quiet

TEXT = r"latency(ms=800).on('checkout -> pricing')"
COUNT = statuses(200)


def untouched_fault(**changes):
    story = quiet(400)
    story.fault(4.5, 8.5, **changes)
    return story


# -- the history is not all


def test_a_history_that_was_cut_short_proves_nothing(tmp_path):
    whole, journal = faulty(), Journal.open(tmp_path / "run.jsonl")
    journal.extend(whole.events)
    journal.close(complete=False)
    assert whole.verdict(COUNT).outcome != "inconclusive"
    (verdict,) = judge(History.read(tmp_path / "run.jsonl"), all=[COUNT]).verdicts
    assert (verdict.outcome, verdict.why) == (
        "inconclusive",
        "the history is not complete: the run has not ended",
    )


# -- the fault touched nothing


def test_a_fault_that_matched_no_request_makes_every_check_of_its_window_inconclusive():
    story = untouched_fault()
    story.phase("recover", 100)
    checks = [
        availability(at_least_percent=90),
        p50(under_ms=900),
        max_latency(under_ms=900),
        COUNT,
        attempts(EDGE, at_most=9, per="request"),
        call_duration("client -> frontend", under_ms=900),
        fallback("list-price", at_least_percent=1),
        recovery(within_s=0.5),
        statuses(200).during("recover"),
    ]
    report = judge(story.history, all=checks)
    assert [verdict.outcome for verdict in report.verdicts] == ["inconclusive"] * len(checks)
    assert {verdict.why for verdict in report.verdicts} == {
        f"the fault f1 {TEXT} touched none of 400 requests: no attempts on {LINK} while the fault was in force"
    }


def test_what_was_over_before_the_fault_can_still_be_judged():
    assert untouched_fault().verdict(COUNT.during("baseline")).outcome == "held"


def test_a_fault_that_was_only_recorded_need_not_touch_anything():
    assert untouched_fault(injected=False).verdict(COUNT).outcome == "held"


def test_one_touched_request_is_enough():
    story = untouched_fault()
    story.attempts(story.history.index.by_phase["hold"][7:8])
    assert story.verdict(COUNT).outcome == "held"


def test_attempts_without_a_request_id_are_no_touch():
    story = untouched_fault()
    story.events.append(Attempt("c1-stray", EDGE, "checkout-1", "pricing-1", 1, EPOCH + 5, 5.0, 200, call="c"))
    verdict = story.verdict(COUNT)
    assert "the requests on its links carry no request id" in verdict.why
    assert "does not propagate baggage" in verdict.why


def test_a_packet_fault_that_hit_no_packet_proves_nothing_whatever_it_touched():
    outcomes = {}
    for packets in (None, 0, 3):
        story = untouched_fault(plane="packets", packets=packets)
        story.attempts(story.history.index.by_phase["hold"])
        verdict = story.verdict(COUNT)
        outcomes[packets] = verdict.outcome
        if packets == 0:
            assert verdict.why == f"the fault f1 {TEXT} hit 0 packets (counters of the kernel)"
            assert verdict.source == "kernel"
    assert outcomes == {None: "held", 0: "inconclusive", 3: "held"}


def test_every_fault_must_touch_something():
    story = faulty(400)
    story.fault(4.0, 8.0, id="f2", plane="inlet", text="delay(ms=5)")
    verdict = story.verdict(COUNT)
    assert verdict.outcome == "inconclusive"
    assert verdict.why.startswith(
        "the fault f2 delay(ms=5) touched none of 400 requests: "
        "no arrival matches its users, cohort, share and attempts"
    )
    assert verdict.source == "inlet"


OTHER = "checkout-1--pricing-2"


def test_a_fault_that_comes_and_goes_must_touch_something_in_one_of_its_windows():
    story = faulty(400)
    story.fault(6.0, 6.001)  # too short for any request
    assert story.verdict(COUNT).outcome == "held"


def test_every_replica_must_be_met_in_its_turn():
    story = faulty(400)
    story.fault(6.0, 8.0, links=(OTHER,))
    verdict = story.verdict(COUNT)
    assert verdict.outcome == "inconclusive"
    assert verdict.why.endswith(f"no attempts on {OTHER} while the fault was in force")


def test_a_last_turn_that_healing_has_cut_short_need_not_be_met():
    story = faulty(400)
    story.fault(7.9, 8.0, links=(OTHER,))
    assert story.verdict(COUNT).outcome == "held"


def test_a_fault_that_never_came_into_force_is_no_control_experiment():
    story = quiet(400)
    story.fault(4.5, 8.5, links=())
    assert story.verdict(COUNT).why.endswith("it was healed during its wait, before it came into force")


def test_a_mesh_that_records_nothing_cannot_show_a_touch():
    story = Story(sources=("requests",))
    story.phase("hold", 5)
    story.fault(0.0, 0.05)
    assert "this mesh records no arrivals, so a match cannot be seen" in story.verdict(COUNT).why


# -- the load


@pytest.mark.parametrize(("sent", "count"), [(395, "inconclusive"), (396, "held")])
def test_below_99_percent_of_the_schedule_nothing_is_judged(sent, count):
    story = quiet(sent, planned=400, sent=sent)
    verdict = story.verdict(COUNT)
    assert verdict.outcome == count
    if count == "inconclusive":
        assert verdict.why == "the load sent 395 of 400 planned requests in hold: less than 99% of the schedule"
        assert (verdict.source, verdict.n) == ("load", 395)


@pytest.mark.parametrize("check", [p50(under_ms=900), max_latency(under_ms=900), p50(above_baseline_ms=900)])
def test_one_missing_request_voids_claims_about_latency_only(check):
    story = quiet(399, planned=400, sent=399)
    assert story.verdict(check).outcome == "inconclusive"
    assert "the load sent 399 of 400 planned requests in hold" in story.verdict(check).why
    assert story.verdict(COUNT).outcome == "held"
    assert story.verdict(availability(at_least_percent=90)).outcome == "held"
    assert quiet(400, planned=400, sent=400).verdict(check).outcome == "held"


@pytest.mark.parametrize(
    "check",
    [
        p99(under_ms=300),
        p99(above_baseline_ms=300),
        max_latency(under_ms=300),
        call_duration("client -> frontend", under_ms=300),
    ],
)
def test_a_late_load_puts_in_doubt_only_latencies_that_it_made_too_long(check):
    late = quiet(400, late_p99_ms=201.0, latency=500.0)
    assert late.verdict(check).outcome == "inconclusive"
    assert "in hold the load generator was up to 201 ms behind schedule" in late.verdict(check).why
    assert late.verdict(COUNT).outcome == "held"
    assert quiet(400, late_p99_ms=150.0, latency=500.0).verdict(check).outcome == "violated"
    assert quiet(400, late_p99_ms=201.0, latency=250.0).verdict(check).outcome == "held"


def test_a_late_baseline_puts_in_doubt_only_what_held_compared_with_it():
    story = Story()
    story.phase("baseline", 400, late_p99_ms=18.0)
    story.phase("hold", 400)
    story.phase("worse", 400, latency=900.0)
    assert story.verdict(p99(under_ms=50)).outcome == "held"
    assert story.verdict(p99(above_baseline_ms=5)).why.startswith("the testbed was saturated: in baseline the load")
    assert story.verdict(p99(above_baseline_ms=50)).outcome == "held"
    assert story.verdict(p99(above_baseline_ms=50).during("worse")).outcome == "violated"


def test_several_loads_in_one_phase_are_added_up():
    story = quiet(400, planned=200, sent=200)
    story.events.append(ScheduleAdherence("hold", 204, 200, 50.0))
    assert "the load sent 400 of 404" in story.verdict(p50(under_ms=50)).why
    story.events[-1] = ScheduleAdherence("hold", 200, 200, 50.0)
    assert story.verdict(p50(under_ms=50)).outcome == "held"


def test_a_load_without_schedule_adherence_proves_nothing():
    story = Story()
    story.phase("hold", 400, pace=False)
    assert story.verdict(COUNT).why == "there is no record of the load's schedule in hold"


def test_requests_that_were_sent_and_not_recorded_are_missed():
    story = quiet(399, planned=400, sent=400)
    assert story.verdict(COUNT).why == "400 requests were sent in hold, only 399 are recorded"


def test_a_phase_without_any_request_says_that_none_was_sent():
    assert "the load sent 0 of 400" in quiet(0, planned=400, sent=0).verdict(COUNT).why
    assert "0 of 0 requests (hold) belong to" in quiet(0).verdict(COUNT).why


def test_the_phases_of_a_mixed_window_are_all_looked_at():
    story = Story()
    story.phase("one", 5)
    story.phase("two", 5, planned=99)
    assert "in two" in story.verdict(COUNT).why


def test_a_population_without_a_request_is_named():
    story = quiet(400)
    story.fault(4.5, 8.5, plane="inlet", cohort="trondheim")
    story.arrivals(story.history.index.by_phase["hold"][:1], fault="f1")
    verdict = story.verdict(COUNT, "affected")
    assert verdict.outcome == "inconclusive"
    assert verdict.why.startswith("0 of 400 requests (hold) belong to the population affected")
    assert "cohort_rps=" in verdict.next


# -- the record


def test_two_requests_with_one_id_make_every_check_inconclusive():
    story = quiet(5)
    story.events = [replace(e, id="hold-1") if isinstance(e, Request) and e.id == "hold-2" else e for e in story.events]
    assert story.verdict(COUNT).why.startswith("1 request of the load have the id of another request")


@pytest.mark.parametrize(
    ("evidence", "outcome", "reason"),
    [
        ([Evidence("attempts", True)], "held", ""),
        ([Evidence("attempts", True, edges=(EDGE,))], "held", ""),
        ([Evidence("attempts", True, edges=("x -> y",))], "inconclusive", "there is no statement that it is complete"),
        ([Evidence("calls", True)], "inconclusive", "there is no statement that it is complete"),
        ([Evidence("attempts", False, "gone")], "inconclusive", "gone"),
        ([Evidence("attempts", False)], "inconclusive", "no reason given"),
        ([Evidence("attempts", False, "gone", edges=(EDGE,))], "inconclusive", "gone"),
        ([Evidence("attempts", False, "gone", edges=("x -> y",))], "held", ""),
        ([Evidence("attempts", True), Evidence("attempts", False, "gone")], "inconclusive", "gone"),
    ],
)
def test_the_record_must_be_complete_where_it_is_needed(evidence, outcome, reason):
    story = faulty(5)
    story.without(Evidence, "attempts")
    story.without(Evidence, "calls")
    story.events += evidence
    verdict = story.verdict(attempts(EDGE, at_most=1))
    assert verdict.outcome == outcome
    assert verdict.why.endswith(reason)
    assert story.verdict(COUNT).outcome == "held"  # which needs no attempts


def test_a_source_that_the_mesh_does_not_have_is_named():
    story = Story(sources=("requests", "attempts"), mesh="nginx")
    requests = story.phase("hold", 5)
    story.attempts(requests)
    assert story.verdict(call_duration(EDGE, under_ms=50)).why == (
        "the record of calls on checkout -> pricing is not complete: mesh nginx does not record calls"
    )


def test_a_record_without_a_statement_is_not_complete():
    story = quiet(5)
    story.without(Evidence)
    assert "the record of requests is not complete" in story.verdict(COUNT).why


# -- lost context


def lost(kind):
    story = faulty(5)
    story.arrivals(story.history.index.by_phase["hold"])
    victims = [e for e in story.events if isinstance(e, kind) and e.request == "hold-3"]
    story.events = [replace(e, request="") if e in victims else e for e in story.events]
    return story


def test_attempts_without_a_request_id_make_a_count_inconclusive():
    verdict = lost(Attempt).verdict(attempts(EDGE, at_most=3))
    assert verdict.outcome == "inconclusive"
    assert verdict.why == "1 of 5 attempts on checkout -> pricing carry no request id"
    assert verdict.next == "does checkout propagate baggage?"
    assert lost(Attempt).verdict(COUNT).outcome == "held"


def test_what_a_check_does_not_count_may_be_lost():
    assert lost(Arrival).verdict(attempts(EDGE, at_most=3)).outcome == "held"


def test_what_was_lost_at_another_time_does_not_matter():
    story = faulty(5)
    for moment in (3.99, 4.05):
        story.events.append(Attempt("", EDGE, "checkout-1", "pricing-1", 1, EPOCH + moment, 1, 200, call="c"))
    assert story.verdict(attempts(EDGE, at_most=3)).outcome == "held"
    story.events.append(Attempt("", EDGE, "checkout-1", "pricing-1", 1, EPOCH + 4.0, 1, 200, call="c"))
    assert story.verdict(attempts(EDGE, at_most=3)).outcome == "inconclusive"


# -- a record that is incomplete for a while


def lossy(since, until):
    """Requests from 0 s to 4 s, and calls that were lost between two moments."""
    story = Story()
    requests = story.phase("hold", 400)
    story.attempts(requests)
    lost = Evidence("calls", False, "node-1/proxy was killed", (EDGE,), EPOCH + since, EPOCH + until)
    story.events.append(lost)
    story.phase("recover", 100)
    return story


@pytest.mark.parametrize(("since", "until"), [(4.5, 5), (-5, -1)])
def test_a_loss_makes_inconclusive_what_was_under_way_meanwhile(since, until):
    check = call_duration(EDGE, under_ms=900)
    assert lossy(1, 2).verdict(check).outcome == "inconclusive"
    assert "calls on checkout -> pricing is not complete: node-1/proxy was killed" in lossy(1, 2).verdict(check).why
    assert lossy(3.99, 4.5).verdict(check).outcome == "inconclusive"  # the last answers come at 4.01 s
    assert lossy(since, until).verdict(check).outcome == "held"


def test_a_request_without_an_answer_may_have_lost_something_at_any_later_time():
    story = Story()
    story.attempts(story.phase("hold", 100, status=0))
    story.events.append(Evidence("calls", False, "lost", (EDGE,), EPOCH + 50, EPOCH + 60))
    assert story.verdict(call_duration(EDGE, under_ms=900)).outcome == "inconclusive"


def test_a_proxy_fault_without_requests_names_the_replicas():
    why = untouched_fault(behind=("checkout-1",)).verdict(COUNT).why
    assert why.endswith("no request was at checkout-1 while the fault was in force")
