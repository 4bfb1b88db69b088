"""What is said beside a red verdict: headers of an app that override its policy, answers of the test's own plane."""

from dataclasses import replace

from testbed.checks import attempts, statuses
from testbed.history.events import Call
from tests.kit.story import EDGE, faulty


def steered(*headers):
    story = faulty(tries=4)
    story.events = [replace(one, steering=headers) if isinstance(one, Call) else one for one in story.events]
    return story


def test_a_header_of_the_app_that_overrides_the_policy_is_named():
    verdict = steered("x-envoy-max-retries: 3").verdict(attempts(EDGE, exactly=1))
    assert verdict.outcome == "violated"
    said = "checkout itself overrides the policy of checkout -> pricing with x-envoy-max-retries: 3 in 400 of 400 calls"
    assert said in verdict.why
    assert "overrides" not in steered().verdict(attempts(EDGE, exactly=1)).why
    held = steered("x-envoy-max-retries: 3").verdict(attempts(EDGE, exactly=4))
    assert (held.outcome, held.why) == ("held", "")


def test_an_answer_of_the_tests_own_plane_is_told_as_that():
    story = faulty(status=502)
    story.arrivals(story.history.index.by_phase["hold"], own=True, status=502, flags="UPE", outcome="protocol_error")
    verdict = story.verdict(statuses(200))
    assert (
        "400 arrivals on checkout -> pricing ended at the test's own proxy (UPE: what the app sent was" in verdict.why
    )
    story = faulty(status=502)
    story.arrivals(story.history.index.by_phase["hold"], status=502)
    assert "own proxy" not in story.verdict(statuses(200)).why
