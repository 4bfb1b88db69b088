from dataclasses import replace

import pytest

from testbed.checks import retry_amplification
from testbed.errors import CheckError
from testbed.history.events import Attempt
from testbed.spec.topology import Topology
from tests.kit.story import EDGE, Story, faulty


def shop(**changes):
    """A front that calls checkout twice as eagerly as it should, and checkout that calls pricing."""
    retries = {"retries": {"attempts": 2, "retryOn": "5xx"}}
    data = {
        "name": "shop",
        "entry": "frontend",
        "services": {
            "frontend": {"language": "go", "calls": ["checkout"], "routes": {"/cart": {"calls": ["pricing"]}}},
            "checkout": {"language": "go", "calls": ["pricing"]},
            "pricing": {"language": "go"},
        },
        "policies": [{"edge": "frontend -> checkout", **retries}, {"edge": EDGE, **retries}],
    }
    return Topology.model_validate(data | changes).model_dump(mode="json", by_alias=True)


def told(tries, topology=None):
    story = Story(topology=topology or shop())
    requests = story.phase("hold", 5)
    story.fault(0.0, 0.05)
    story.attempts(requests, tries)
    return story


def one(odd, usual=1):
    return lambda i: odd if i == 3 else usual


def test_the_policies_imply_the_bound():
    verdict = told(one(9)).verdict(retry_amplification("pricing"))
    assert (verdict.outcome, verdict.margin, verdict.n) == ("held", "0 to spare", 5)
    assert verdict.bound == "<= 9 per request (3 x 3 = 9)"
    assert verdict.observed == "1 to 9 (mean 2.6)"
    assert verdict.edge == "frontend -> pricing, checkout -> pricing"


def test_more_than_the_policies_imply_is_a_violation():
    verdict = told(one(10)).verdict(retry_amplification("pricing"))
    assert (verdict.outcome, verdict.margin) == ("violated", "1 too many")
    multiplies = "what multiplies: checkout -> pricing: its proxy makes 10 attempts of 1 call"
    assert verdict.why == f"1 request of 5 exceeded it; 14 attempts in all; {multiplies}"
    assert verdict.next.startswith("request hold-3 ")


def test_a_bound_of_ones_own_needs_no_topology():
    assert faulty(5, tries=3).verdict(retry_amplification("pricing", at_most=3)).outcome == "held"
    verdict = faulty(5, tries=3).verdict(retry_amplification("pricing", at_most=2))
    assert (verdict.outcome, verdict.bound) == ("violated", "<= 2 per request")


def test_every_edge_to_the_service_counts():
    story = told(1)
    story.events += [replace(e, edge="frontend -> pricing") for e in story.events if isinstance(e, Attempt)]
    assert story.verdict(retry_amplification("pricing", at_most=1)).observed == "2 each"


def test_each_request_has_the_bound_of_its_route():
    story = told(2)
    story.events = [replace(e, path="/cart") if getattr(e, "id", "") == "hold-3" else e for e in story.events]
    verdict = story.verdict(retry_amplification("pricing"))
    assert (verdict.outcome, verdict.margin) == ("violated", "1 too many")  # /cart calls pricing once, without retries
    assert verdict.next.startswith("request hold-3 ")


def test_without_a_mesh_no_policy_is_in_force():
    verdict = told(2, shop(mesh="none")).verdict(retry_amplification("pricing"))
    assert (verdict.outcome, verdict.bound) == ("violated", "<= 1 per request")


def test_a_service_without_requests_proves_nothing():
    story = Story(topology=shop())
    story.attempts(story.phase("hold", 5), 0)
    verdict = story.verdict(retry_amplification("pricing"))
    assert verdict.outcome == "inconclusive"
    assert verdict.why == "0 of 5 requests reached pricing (at least 1 needed)"


def test_a_topology_that_cannot_be_read_implies_nothing():
    verdict = faulty(5).verdict(retry_amplification("pricing"))
    assert (verdict.outcome, verdict.next) == ("inconclusive", "give a bound: at_most=")
    assert "the recorded topology cannot be read" in verdict.why


def test_arrivals_on_a_broken_link_only_prove_too_many():
    def arriving(times):
        story = Story(sources=("requests", "arrivals"))
        requests = story.phase("hold", 5)
        story.fault(0.0, 0.05)
        story.arrivals(requests, times)
        return story.verdict(retry_amplification("pricing", at_most=3))

    assert arriving(4).outcome == "violated"
    assert "so arrivals do not show them" in arriving(3).why


def test_context_that_was_lost_makes_it_inconclusive():
    story = told(1)
    story.events = [replace(e, request="") if isinstance(e, Attempt) and "-3" in e.call else e for e in story.events]
    assert (
        "1 of 5 attempts on checkout -> pricing carry no request id"
        in story.verdict(retry_amplification("pricing")).why
    )


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("",), "takes the name of a service"),
        ((EDGE,), "takes the name of a service"),
        (("pricing", -1), "at_most must be a whole number"),
        (("pricing", 1.5), "at_most must be a whole number"),
    ],
)
def test_bad_bounds_are_refused(arguments, message):
    with pytest.raises(CheckError, match=message):
        retry_amplification(arguments[0], **({"at_most": arguments[1]} if arguments[1:] else {}))


def test_services_without_callers_are_refused():
    with pytest.raises(CheckError, match=r"no service calls 'pricig' \(did you mean 'pricing'\?\)"):
        told(1).verdict(retry_amplification("pricig"))
    with pytest.raises(CheckError, match="only the load calls frontend"):
        told(1).verdict(retry_amplification("frontend"))
