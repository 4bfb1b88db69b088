"""Who does not hand on the context, and who does not use its links: what is said, and what cannot be judged then."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from testbed.checks import Report, ineffective_report, statuses
from testbed.errors import Inconclusive
from testbed.history.events import Arrival, Call
from testbed.history.facts import facts_of
from testbed.history.instrumentation import OTHERWISE, RECIPES, instructions
from testbed.history.propagation import context_losses
from testbed.history.unused_links import unused_links
from testbed.report.failure import raise_if_red
from tests.kit.story import EDGE, EPOCH, Story

TO_CHECKOUT = {"edge": "frontend -> checkout", "caller": "frontend-1", "callee": "checkout-1"}


def shop(command: str = "python app.py") -> dict[str, object]:
    checkout = {"command": command.split(), "calls": ["pricing"]}
    services = {
        "frontend": {"language": "go", "calls": ["checkout"]},
        "checkout": checkout,
        "pricing": {"language": "go"},
    }
    return {"name": "shop", "entry": "frontend", "services": services}


def told(*, forwards: bool = True, calls: int = 1, came: bool = True, scope: dict[str, Any] | None = None) -> Story:
    """A baseline and a hold phase in which checkout does as told; the fault is one of pricing's inlet."""
    story = Story(topology=shop())
    for name in ("baseline", "hold"):
        begin = story.now
        requests = story.phase(name, 100)
        story.arrivals(requests, 1 if came else 0, **TO_CHECKOUT)
        mark = {} if forwards else {"request": ""}
        story.attempts(requests if calls else [], calls, **mark)
        story.arrivals(requests, calls, **mark, fault="f1" if name == "hold" and forwards else "")
    if scope is not None:
        story.fault(begin - story.events[0].at, story.now - begin + 1, plane="inlet", text="delay(ms=5)", **scope)  # type: ignore[union-attr]
    return story


USERS = {"users": ("u1", "u2")}


def test_a_service_that_hands_on_the_context_is_not_named() -> None:
    index = told(scope=USERS).history.index
    assert (context_losses(index), unused_links(index)) == ((), ())


def test_a_service_that_drops_the_context_is_named_with_the_header() -> None:
    (loss,) = context_losses(told(forwards=False).history.index)
    assert str(loss) == (
        "checkout does not propagate baggage: 0 of 200 calls on checkout -> pricing carry a request id, "
        "although 200 requests to checkout do"
    )


@pytest.mark.parametrize("scope", [USERS, {"cohort": "oslo"}])
def test_a_fault_for_some_requests_beyond_it_makes_every_check_inconclusive(scope: dict[str, Any]) -> None:
    verdict = told(forwards=False, scope=scope).verdict(statuses(200))
    assert verdict.outcome == "inconclusive"
    assert verdict.why.startswith("delay(ms=5) cannot match its requests: checkout does not propagate baggage")
    assert "faults on whole edges still work: leave out .for_users and .for_cohort" in verdict.next
    assert RECIPES["Python"] in verdict.next
    assert RECIPES["Go"] not in verdict.next


def test_what_was_before_such_a_fault_is_judged() -> None:
    story = told(forwards=False, scope=USERS)
    assert story.verdict(statuses(200).during("baseline")).outcome == "held"


def test_a_fault_for_everybody_finds_its_requests() -> None:
    verdict = told(forwards=False, scope={"users": None}).verdict(statuses(200))
    assert "cannot find its requests" not in verdict.why


def test_a_fault_on_the_whole_edge_beyond_it_is_judged_as_ever() -> None:
    story = told(forwards=False, scope={"users": None})
    story.events = [replace(e, fault="f1") if isinstance(e, Arrival) and e.edge == EDGE else e for e in story.events]
    assert story.verdict(statuses(200)).outcome == "held"
    assert told(forwards=False, scope={"users": None}).verdict(statuses(200)).outcome == "inconclusive"


def test_calls_of_a_service_without_requests_prove_no_context_loss() -> None:
    assert context_losses(told(forwards=False, came=False).history.index) == ()


def test_background_calls_prove_no_context_loss() -> None:
    story = told()
    story.events += [Arrival("", EDGE, "checkout-1", "pricing-1", 1, story.now + n, 1, 200) for n in range(50)]
    assert context_losses(story.history.index) == ()


# -- before the fault: the run ends there

PLANNED: dict[str, Any] = {"links": (), "injected": False}


def ends(*, forwards: bool = True, calls: int = 1, plane: str = "inlet", **scope: Any) -> Report | None:
    """What is said of a fault that is planned after a warm-up of 200 requests."""
    story = told(forwards=forwards, calls=calls)
    story.fault(story.now - EPOCH, story.now - EPOCH + 0.2, plane=plane, text="delay(ms=5)", **PLANNED, **scope)
    return ineffective_report(story.history.index)


@pytest.mark.parametrize("scope", [USERS, {"cohort": "oslo"}])
def test_a_run_ends_before_a_fault_that_cannot_find_its_requests(scope: dict[str, Any]) -> None:
    report = ends(forwards=False, **scope)
    assert report is not None
    (verdict,) = report.verdicts
    assert (verdict.outcome, verdict.observed, verdict.edge) == ("inconclusive", "delay(ms=5) was not injected", EDGE)
    assert verdict.why.startswith("precondition failed: the fault cannot match any request: delay(ms=5) ")
    assert "checkout does not propagate baggage" in verdict.why
    assert "faults on whole edges still work" in verdict.next
    assert (verdict.n, report.test, report.seed) == (200, "test_it", 42)
    with pytest.raises(Inconclusive, match="1 check: 1 INCONCLUSIVE; precondition for all"):
        raise_if_red(report)


@pytest.mark.parametrize(
    "how",
    [
        USERS,  # all is well
        {"forwards": False},  # for everybody: no id is needed
        {"calls": 0, "plane": "link"},  # no record of a call does not show that there is none
    ],
)
def test_a_run_goes_on_where_its_fault_can_be_felt(how: dict[str, Any]) -> None:
    assert ends(**how) is None


def test_a_fault_that_was_injected_is_judged_by_its_checks() -> None:
    assert ineffective_report(told(forwards=False, scope=USERS).history.index) is None


# -- how to mend it


@pytest.mark.parametrize(
    ("command", "language"),
    [
        (["python3.12", "app.py"], "Python"),
        (["uvicorn", "app:app"], "Python"),
        (["npm", "start"], "Node"),
        (["./node_modules/.bin/tsx", "server.ts"], "Node"),
        (["go", "run", "."], "Go"),
        (["java", "-jar", "shop.jar"], "Java"),
        (["sh", "-c", "exec node app.js"], "Node"),
        (["./server", "go build -o server ."], "Go"),
        (["docker.io/library/python:3.12-slim"], "Python"),
    ],
)
def test_the_recipe_is_of_the_commands_language(command: list[str], language: str) -> None:
    assert instructions(command) == f"in {language}, with OpenTelemetry:\n{RECIPES[language]}"


def test_every_recipe_has_two_lines() -> None:
    assert {text.count("\n") for text in RECIPES.values()} == {1}


def test_of_an_unknown_language_one_line_leads_to_the_recipes() -> None:
    assert instructions(["./server"]) == OTHERWISE
    assert "\n" not in OTHERWISE


def test_the_words_of_a_service_show_its_language() -> None:
    index = told(forwards=False).history.index
    assert context_losses(index)[0].remedy.count("\n") == 2
    service = {"command": ["./server"], "build": "go build -o server ."}
    assert facts_of({"entry": "a", "services": {"a": service}}).own["a"] == ("./server", "go build -o server .")


def handing_on(value: str) -> Story:
    """Checkout drops baggage; each call has this header, with the id of its request for "{}"."""
    story = told(forwards=False)
    story.events = [
        replace(
            e, request="", handed_on=("x-request-id: 6f1c-generated", f"x-ot-span-context: {value.format(e.request)}")
        )
        if isinstance(e, Call)
        else e
        for e in story.events
    ]
    return story


def test_the_cure_is_a_header_that_is_handed_on() -> None:
    (loss,) = context_losses(handing_on("{}").history.index)
    assert (
        "checkout hands on x-ot-span-context: add it to the topology (contextHeaders: [x-ot-span-context])"
        in loss.remedy
    )
    assert "\n" not in loss.remedy


def test_a_header_without_the_id_of_a_request_is_no_cure() -> None:
    (loss,) = context_losses(handing_on("other").history.index)
    assert RECIPES["Python"] in loss.remedy
