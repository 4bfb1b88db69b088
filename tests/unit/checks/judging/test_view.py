from dataclasses import dataclass

import pytest

from testbed.checks import Check, View, availability, judge, retry_budget, statuses
from testbed.errors import CheckError
from testbed.history.events import Arrival, Evidence, PolicyEvent
from tests.kit.story import EDGE, EPOCH, LINK, SHOP, Story, faulty, quiet


@dataclass(frozen=True)
class spy(Check):
    """Shows which requests a check is given."""

    bound = "any"

    def judge(self, view: View):
        return self.verdict(view, "held", ",".join(request.id for request in view.requests), len(view.requests))


def seen(story, who="all", check=None):
    return story.verdict(check or spy(), who)


def cohorts(number):
    return "trondheim" if number % 4 == 0 else "oslo"


def scoped(**scope):
    """Twelve requests of 20 users, in cohorts; a request fault whose scope is fixed beforehand hits the first."""
    story = Story()
    story.phase("baseline", 12, cohort=cohorts)
    requests = story.phase("hold", 12, cohort=cohorts)
    story.fault(0.12, 0.24, plane="inlet", **scope)
    story.arrivals(requests[:1], fault="f1")
    return story


# -- windows


def test_the_default_window_is_hold():
    story = faulty(5)
    assert (seen(story).phase, seen(story).n) == ("hold", 5)


def test_without_a_hold_phase_it_is_the_union_of_the_fault_windows():
    story = Story()
    requests = story.phase("load", 10, rps=1)
    story.attempts(requests)
    story.fault(2.0, 4.0)
    story.fault(6.0, 7.0, id="f2")
    verdict = seen(story)
    assert verdict.observed == "load-2,load-3,load-6"
    assert verdict.phase == "while a fault was active"


def test_without_hold_and_faults_it_is_all_but_warm_up():
    story = Story()
    story.phase("warm-up", 3)
    story.phase("one", 2)
    story.phase("two", 1)
    assert (seen(story).observed, seen(story).phase) == ("one-0,one-1,two-0", "all but warm-up")


def test_during_picks_a_phase_by_name():
    assert seen(faulty(5), check=spy().during("recover")).phase == "recover"
    assert seen(faulty(5), check=spy().during("warm-up").during("baseline")).n == 400


@pytest.mark.parametrize(
    ("name", "hint"), [("recovr", r"did you mean 'recover'\?"), ("night", "valid: baseline, hold, recover")]
)
def test_an_unknown_phase_names_the_nearest(name, hint):
    with pytest.raises(CheckError, match=f"this run has no phase '{name}' .*{hint}"):
        seen(faulty(5), check=spy().during(name))


# -- populations


def test_affected_are_the_users_fixed_beforehand_whatever_happened_to_them():
    story = scoped(users=("u0", "u5"))
    assert seen(story, "affected").observed == "hold-0,hold-5"
    assert seen(story, "unaffected").n == 10
    assert (seen(story, "affected").population, seen(story, "unaffected").population) == ("affected", "unaffected")


def test_a_cohort_is_fixed_beforehand_too():
    story = scoped(cohort="trondheim")
    assert seen(story, "affected").observed == "hold-0,hold-4,hold-8"
    assert seen(story, "unaffected").n == 9


def test_users_within_a_cohort_must_be_both():
    assert seen(scoped(users=("u0", "u1"), cohort="trondheim"), "affected").observed == "hold-0"


def test_a_share_drawn_among_fixed_users_leaves_them_fixed():
    assert seen(scoped(users=("u0",), drawn=True), "affected").observed == "hold-0"


def test_several_faults_affect_the_union():
    story = scoped(users=("u1",))
    story.fault(0.12, 0.24, id="f2", plane="inlet", cohort="trondheim")
    story.arrivals(story.history.index.by_phase["hold"][4:5], fault="f2")
    assert seen(story, "affected").observed == "hold-0,hold-1,hold-4,hold-8"


@pytest.mark.parametrize("who", ["affected", "unaffected"])
def test_affected_needs_every_fault_to_be_fixed_beforehand(who):
    story = scoped(users=("u1",))
    story.fault(0.12, 0.24, id="f2", text="connection_refused().on('a -> b')")
    with pytest.raises(CheckError, match=rf"{who}= needs .* f2 connection_refused\(\).* use touched= and untouched="):
        judge(story.history, **{who: [spy()]})


@pytest.mark.parametrize("who", ["affected", "unaffected", "touched", "untouched"])
def test_without_a_fault_there_is_only_everyone(who):
    with pytest.raises(CheckError, match=rf"{who}=: this run has no fault.*use all="):
        judge(quiet(5).history, **{who: [spy()]})


def test_touched_are_those_who_met_a_fault_and_that_is_only_descriptive():
    story = faulty(5)
    story.events = [e for e in story.events if getattr(e, "request", "") not in ("hold-1", "hold-3")]
    assert seen(story, "touched").observed == "hold-0,hold-2,hold-4"
    assert seen(story, "untouched").observed == "hold-1,hold-3"
    assert seen(story, "touched").population == "touched (descriptive)"
    assert seen(story, "untouched").population == "untouched (descriptive)"


def test_touched_by_any_of_several_faults():
    story = scoped(users=("u0",))
    requests = story.history.index.by_phase["hold"]
    story.fault(0.12, 0.24, id="f2")
    story.attempts(requests[2:3])
    assert seen(story, "touched").observed == "hold-0,hold-2"


def test_touched_needs_the_record_that_tells_it():
    story = scoped(users=("u0",))
    story.without(Evidence, "arrivals")
    for who in ("touched", "untouched"):
        verdict = story.verdict(statuses(200), who)
        assert verdict.outcome == "inconclusive"
        assert f"the record of arrivals on {EDGE} is not complete" in verdict.why
    assert story.verdict(statuses(200), "affected").outcome == "held"


def test_arrivals_show_touched_requests_if_no_attempts_are_recorded():
    story = Story(sources=("requests", "arrivals"))
    requests = story.phase("hold", 5)
    story.fault(0.0, 0.05)
    story.arrivals(requests[:2])
    assert seen(story, "touched").observed == "hold-0,hold-1"


# -- what a view shows


def view_of(story, phase="hold"):
    from testbed.checks.judging.view import EVERYONE, phase_window

    index = story.history.index
    return View(index, EVERYONE, phase_window(index, phase))


def test_a_view_shows_only_what_its_requests_caused():
    story = faulty(5)
    story.arrivals(story.history.index.by_phase["recover"])
    story.events.append(Arrival("hold-2", EDGE, "checkout-1", "pricing-1", 1, 0.0, 1.0, 200))
    view = view_of(story)
    assert {a.request for a in view.attempts(EDGE)} == {f"hold-{i}" for i in range(5)}
    assert [a.request for a in view.arrivals(EDGE)] == ["hold-2"]
    assert view.calls("frontend -> checkout") == []


def test_the_rate_is_that_of_the_population():
    assert view_of(faulty(50)).rate == pytest.approx(100.0)


def test_the_baseline_has_the_same_users_unless_what_happened_decided():
    from testbed.checks.judging.view import population, window_of

    index = scoped(cohort="trondheim").history.index
    affected = View(index, population(index, "affected"), window_of(index, None))
    assert {request.cohort for request in affected.baseline.requests} == {"trondheim"}
    touched = View(index, population(index, "touched"), window_of(index, None))
    assert len(touched.baseline.requests) == 12


def test_a_verdict_names_the_edge_of_the_fault_and_its_policy():
    verdict = faulty(5, status=503).verdict(statuses(200))
    assert verdict.edge == EDGE
    assert verdict.policy.startswith("{timeout: 500ms")


def test_after_healing_it_still_names_where_the_fault_was_and_before_it_nothing():
    assert faulty(5).verdict(statuses(200).during("recover")).edge == EDGE
    assert faulty(5).verdict(statuses(200).during("baseline")).edge == ""


def test_several_used_edges_each_with_its_policy():
    story = faulty(5)
    story.fault(4.0, 4.05, id="f2", edges=(EDGE, "frontend -> checkout", "search -> pricing"), links=(LINK,))
    story.events.append(Arrival("hold-0", "frontend -> checkout", "frontend-1", "checkout-1", 1, EPOCH + 4, 5.0, 200))
    verdict = story.verdict(availability(at_least_percent=90))
    assert verdict.edge == f"{EDGE}, frontend -> checkout"
    first, second = verdict.policy.splitlines()
    assert first.startswith(f"{EDGE}: {{timeout")
    assert second == "frontend -> checkout: no policy: no timeout, no retries"


def test_phases_without_phase_events_are_known_by_their_requests():
    from testbed.history.events import Phase

    story = faulty(5)
    story.without(Phase)
    view = view_of(story)
    assert (view.window.start, round(view.window.end - EPOCH, 3)) == (EPOCH + 4.0, 4.04)


def test_a_swap_in_the_window_names_both_policies_one_after_the_other():
    story = faulty(5)
    (hold,) = [event for event in story.events if event.type == "phase" and event.name == "hold"]
    topology = {**SHOP, "policies": [{"edge": EDGE, "timeout": 900.0}]}
    story.events.append(PolicyEvent((hold.start + hold.end) / 2, EDGE, topology))
    policy = story.verdict(statuses(200)).policy
    assert policy.startswith("{timeout: 500ms")
    assert policy.endswith(", then {timeout: 900ms}")
    assert story.verdict(statuses(200).during("recover")).policy == "{timeout: 900ms}"


def test_a_check_that_needs_the_policies_wants_a_window_with_one_set_of_them():
    story = faulty(5)
    (hold,) = [event for event in story.events if event.type == "phase" and event.name == "hold"]
    topology = {**SHOP, "policies": [{"edge": EDGE, "retryBudget": {"percent": 20}}]}
    story.events.append(PolicyEvent((hold.start + hold.end) / 2, EDGE, topology))
    with pytest.raises(CheckError, match="policies were changed in 'hold': judge one phase"):
        story.verdict(retry_budget(EDGE))
    with pytest.raises(CheckError, match="had no budget in 'baseline'"):
        story.verdict(retry_budget(EDGE).during("baseline"))
    assert story.verdict(retry_budget(EDGE).during("recover")).outcome == "inconclusive"  # nothing was sent there
