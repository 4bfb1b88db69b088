"""Who repeated a call, and why a call was not repeated."""

from dataclasses import replace

import pytest

from testbed.checks import at_most_once, attempts
from testbed.checks.judging.repeats import BUFFER
from testbed.errors import CheckError
from testbed.history.events import Arrival, Call
from testbed.spec.topology import Topology
from tests.kit.story import EDGE, Story, faulty

POST = {"method": "POST", "path": "/orders"}


def told(*arrivals, above=1, **attempt):
    """One request with these arrivals on the edge, each with its changes."""
    story = Story()
    (request,) = story.phase("hold", 1)
    for changes in arrivals:
        story.arrivals([request], **POST, **changes)
    for _ in range(above):
        story.events.append(
            Arrival(request.id, "frontend -> checkout", "frontend-1", "checkout-1", 1, request.sent, 9.0, 200)
        )
    if attempt:
        story.attempts([request], **attempt)
    return story


@pytest.mark.parametrize(
    ("story", "who"),
    [
        (told({"attempt": 1}, {"attempt": 2}), "the proxy of checkout repeated it once (attempts of one call: retries"),
        (told({}, {}), "checkout itself made 2 calls (new calls: a retry in the app or its client library)"),
        (told({}, {}, above=2), "checkout was itself called 2 times for this request, on frontend -> checkout"),
        (
            told({}, {"keys": ("grpc-previous-rpc-attempts: 1",)}),
            "the client library of checkout repeated it once",
        ),
        (told({}, {}, source="app"), "the client library of checkout repeated it once"),  # its log has one attempt
        (
            told({}, {}, {"attempt": 2}),
            "retries in the policy of checkout -> pricing); checkout itself made 2 calls",
        ),
    ],
)
def test_who_repeated(story, who):
    verdict = story.verdict(at_most_once(EDGE))
    assert verdict.outcome == "violated"
    assert who in verdict.why


# -- bodies that a proxy does not repeat


def big(sent=2_000_000, count=1, status=503):
    story = faulty(status=status)
    story.arrivals(story.history.index.by_phase["hold"], count, **POST)
    story.events = [replace(one, sent=sent, status=status) if isinstance(one, Call) else one for one in story.events]
    return story


def test_what_is_never_repeated_does_not_prove_that_nothing_is():
    verdict = big().verdict(at_most_once(EDGE))
    assert (verdict.outcome, verdict.why.startswith("not put to the test: 400 failed calls had a body of up to")) == (
        "inconclusive",
        True,
    )
    assert big(sent=BUFFER).verdict(at_most_once(EDGE)).outcome == "held"  # it could have been repeated
    assert big(status=200).verdict(at_most_once(EDGE)).outcome == "held"  # nothing failed
    assert big(count=2).verdict(at_most_once(EDGE)).outcome == "violated"  # by the app


def test_too_few_attempts_are_explained_by_the_buffer():
    assert "more than the retry buffer of the proxy (1,048,576 bytes)" in big().verdict(attempts(EDGE, exactly=3)).why
    assert "buffer" not in big(sent=10).verdict(attempts(EDGE, exactly=3)).why


# -- keys


def keyed(*keys, requests=3):
    """Each request arrives once for each key; None is an arrival without one; {} is the id of the request."""
    story = Story()
    for request in story.phase("hold", requests):
        for key in keys:
            named = (f"idempotency-key: {key.format(request.id)}",) if key else ()
            story.arrivals([request], **POST, keys=named)
    return story


BY_KEY = at_most_once(EDGE, key="Idempotency-Key")


@pytest.mark.parametrize(
    ("keys", "outcome"),
    [
        (("{}", "{}"), "held"),  # one effect, twice
        (("{}-1", "{}-2"), "violated"),
        (("{}", None), "violated"),
        ((None,), "held"),
        ((None, None), "violated"),
        (("always",), "inconclusive"),  # it names nothing
    ],
)
def test_a_key_names_the_effect(keys, outcome):
    assert keyed(*keys).verdict(BY_KEY).outcome == outcome
    assert keyed("{}", "{}").verdict(at_most_once(EDGE)).outcome == "violated"  # without it, arrivals count


def test_a_key_must_be_recorded():
    with pytest.raises(CheckError, match=r"the key X-Order is not recorded: effectKeys: \[X-Order\]"):
        keyed("{}").verdict(at_most_once(EDGE, key="X-Order"))


def ended(retry_on="5xx", **changes):
    """What is said of a run whose calls had one attempt each, where three are allowed."""
    data = {
        "name": "shop",
        "entry": "checkout",
        "services": {"checkout": {"language": "go", "calls": ["pricing"]}, "pricing": {"language": "go"}},
        "policies": [{"edge": EDGE, "retries": {"attempts": 2, "retryOn": [retry_on]}}],
    }
    story = faulty(tries=1)
    topology = Topology.model_validate(data).model_dump(mode="json", by_alias=True)
    story.events[0] = replace(story.events[0], topology=topology)
    story.events = [replace(one, **changes) if isinstance(one, Call) else one for one in story.events]
    return story.verdict(attempts(EDGE, exactly=3)).why


def test_an_answer_that_has_begun_is_not_repeated():
    assert "400 calls on checkout -> pricing broke off after the answer had begun" in ended(outcome="broken_off")
    assert "broke off" not in ended(status=503)


def test_a_grpc_status_in_the_trailers_is_not_repeated():
    said = ended("unavailable", grpc_status=14)
    assert "400 calls on checkout -> pricing ended with UNAVAILABLE and were not repeated" in said
    assert "trailers" not in ended(grpc_status=14)  # the policy retries 5xx alone
