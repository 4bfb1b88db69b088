import pytest

from testbed.checks import at_most_once
from testbed.errors import CheckError
from tests.kit.story import EDGE, SHOP, Story, faulty


def told(times, n=5, **changes):
    story = Story()
    requests = story.phase("hold", n)
    story.arrivals(requests, times, **{"method": "POST", "path": "/orders"} | changes)
    return story


def one(odd, usual=1):
    return lambda i: odd if i == 3 else usual


def test_once_each_holds_and_never_is_no_effect():
    verdict = told(one(0)).verdict(at_most_once(EDGE))
    assert (verdict.outcome, verdict.observed, verdict.n) == ("held", "1 each", 4)
    assert (verdict.bound, verdict.source, verdict.margin) == ("POST or PATCH at most once", "inlet", "0 to spare")


def test_one_that_arrives_again_is_a_violation():
    verdict = told(one(3)).verdict(at_most_once(EDGE))
    assert (verdict.outcome, verdict.observed, verdict.margin) == ("violated", "1 to 3 (mean 1.4)", "2 too many")
    counted, who = verdict.why.split("; the proxy of checkout ")
    assert counted == "1 call of 5 arrived again, 2 times in all; POST /orders arrived 3 times for one request"
    assert who.startswith("repeated it 2 times (attempts of one call")
    assert verdict.next.startswith("request hold-3 ")
    tries = [line.strip() for line in verdict.next.splitlines()[1:4]]
    assert tries == [f"checkout -> pricing, pricing-1, attempt {n}, POST /orders: 200 after 4 ms" for n in (1, 2, 3)]


def test_another_path_is_another_call():
    story = told(1)
    story.arrivals(story.history.index.by_phase["hold"], method="POST", path="/invoices")
    assert story.verdict(at_most_once(EDGE)).n == 10
    assert story.verdict(at_most_once(EDGE)).outcome == "held"


def test_twice_may_be_meant():
    assert told(2).verdict(at_most_once(EDGE, at_most=2)).outcome == "held"
    assert told(3).verdict(at_most_once(EDGE, at_most=2)).outcome == "violated"


def test_an_answer_that_was_injected_or_lost_counts_as_an_effect():
    assert told(2, flags="FI", fault="f1", status=503).verdict(at_most_once(EDGE)).outcome == "violated"
    assert told(2, outcome="client_gone", status=0).verdict(at_most_once(EDGE)).outcome == "violated"


def test_where_no_process_was_there_nothing_was_done():
    story = told(1)
    lost = {"own": True, "outcome": "connect_failed", "status": 0}
    story.arrivals(story.history.index.by_phase["hold"], method="POST", path="/orders", **lost)
    assert story.verdict(at_most_once(EDGE)).outcome == "held"


def test_other_methods_do_not_count_unless_named():
    story = told(2, method="PUT")
    verdict = story.verdict(at_most_once(EDGE))
    assert verdict.outcome == "inconclusive"
    assert verdict.why == (
        "0 of 5 requests sent a POST or PATCH over checkout -> pricing; "
        "10 calls arrived with another method (at least 1 needed)"
    )
    assert story.verdict(at_most_once(EDGE, methods=("PUT",))).outcome == "violated"


def test_an_old_history_does_not_say_the_method():
    verdict = told(1, method="").verdict(at_most_once(EDGE))
    assert (verdict.outcome, verdict.why.split(":")[0]) == (
        "inconclusive",
        "5 arrivals on checkout -> pricing without a method",
    )


@pytest.mark.parametrize(
    ("bounds", "message"),
    [
        ({"methods": ()}, "methods is a list of methods"),
        ({"methods": "POST"}, "methods is a list of methods"),
        ({"methods": 1}, "methods is a list of methods"),
        ({"methods": ("post",)}, r"there is no method 'post' \(did you mean 'POST'\?\)"),
        ({"at_most": 0}, "at_most must be a number above 0"),
        ({"at_most": 1.5}, "at_most must be a whole number"),
    ],
)
def test_bad_bounds_are_refused(bounds, message):
    with pytest.raises(CheckError, match=message):
        at_most_once(EDGE, **bounds)


def test_an_unknown_edge_names_the_nearest():
    with pytest.raises(CheckError, match=r"did you mean 'checkout -> pricing'"):
        faulty(5).verdict(at_most_once("checkout -> pricig"))


def test_without_an_inlet_nothing_is_said_of_what_was_sent():
    story = Story(topology=SHOP | {"edges": {EDGE: {"requestFaults": False}}})
    story.phase("hold", 5)
    verdict = story.verdict(at_most_once(EDGE))
    assert verdict.outcome == "inconclusive"
    assert f"no inlet records what is sent over {EDGE}" in verdict.why
    assert verdict.next == "requestFaults: on for this edge"
