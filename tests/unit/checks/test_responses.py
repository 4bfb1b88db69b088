"""The content of answers: what users got, what the edges recorded, and what nobody kept."""

from dataclasses import replace
from typing import Any

import pytest

from testbed.checks import availability, contained, responses
from testbed.errors import CheckError
from testbed.history.events import AnswerBody, Call, Request
from tests.kit.story import EDGE, SHOP, Story

PAGE = '{"state": "ready", "items": [1, 2], "more": {"a": true}}'
SORRY = "<html>Sorry, please try again later</html>"
RECORDING = {**SHOP, "answerHeaders": ["X-Cache"]}


def told(*texts: str | None, kept: bool = True, n: int = 400, **changes: Any) -> Story:
    """A hold phase in which the answers have these texts in turn; None is a 503."""
    story = Story(topology=RECORDING)
    story.phase("baseline", 100)
    requests = story.phase("hold", n, status=lambda i: 200 if texts[i % len(texts)] is not None else 503)
    story.fault(1.0, 1.0 + n / 100)
    story.attempts(requests)
    story.phase("recover", 100)
    bodies = {text or "": f"d{number}" for number, text in enumerate(texts)}
    for place, event in enumerate(story.events):
        if isinstance(event, Request):
            text = (texts[int(event.id.split("-")[1]) % len(texts)] if event.phase == "hold" else texts[0]) or ""
            fields = {"size": len(text), "content_type": "text/html; charset=utf-8", "digest": bodies[text]}
            story.events[place] = replace(event, **{**fields, "headers": ("x-cache: hit",), **changes})
    if kept:
        story.events += [AnswerBody(digest, len(text), text) for text, digest in bodies.items()]
    return story


@pytest.mark.parametrize(
    ("expected", "page", "sorry"),
    [
        ({"json": {"state": "ready"}}, "held", "violated"),
        ({"json": {"items": [1, 2], "more": {"a": True}}}, "held", "violated"),
        ({"json": {"items": [1]}}, "violated", "violated"),
        ({"json": {"more": {"a": 1}}}, "violated", "violated"),  # true is not 1
        ({"json": lambda page: len(page["items"]) == 2}, "held", "violated"),
        ({"json": lambda page: page["nothing"]}, "violated", "violated"),
        ({"text": '"items"'}, "held", "violated"),
        ({"matching": "[Ss]orry"}, "violated", "held"),
        ({"not_matching": "[Ss]orry"}, "held", "violated"),
        ({"min_bytes": 50}, "held", "violated"),
        ({"content_type": "text/html"}, "held", "held"),
        ({"content_type": "application/json"}, "violated", "violated"),
        ({"headers": {"X-Cache": "hit"}}, "held", "held"),
        ({"headers": {"x-cache": "miss"}}, "violated", "violated"),
        ({"min_bytes": 5, "not_matching": "orry"}, "held", "violated"),
    ],
)
def test_the_content_of_the_answers_to_users(expected, page, sorry):
    assert told(PAGE).verdict(responses(**expected)).outcome == page
    verdict = told(PAGE, SORRY).verdict(responses(**expected))
    assert verdict.outcome == ("held" if page == sorry == "held" else "violated")
    assert told(SORRY).verdict(responses(**expected)).outcome == sorry


def test_one_other_answer_violates_it_and_is_shown():
    verdict = told(PAGE, PAGE, PAGE, SORRY).verdict(responses(not_matching="orry"))
    assert (verdict.outcome, verdict.n, verdict.margin) == ("violated", 400, "100 others")
    assert "100 answers of 400 had other content: 'orry' is in its text (100)" in verdict.why
    assert verdict.next.startswith("an answer: 200, 42 bytes of text/html; charset=utf-8: '<html>Sorry,")
    assert "request hold-3 " in verdict.next


def test_errors_are_counted_and_not_judged():
    verdict = told(PAGE, None).verdict(responses(text="ready"))
    assert (verdict.outcome, verdict.observed) == (
        "held",
        "200 of 200 answers; 200 others not judged (no good answer)",
    )
    assert told(None).verdict(responses(text="ready")).outcome == "inconclusive"


@pytest.mark.parametrize("check", [responses(text="x"), responses(not_matching="x"), responses(json={})])
def test_a_text_that_was_not_kept_proves_nothing(check):
    verdict = told(PAGE, kept=False).verdict(check)
    assert verdict.outcome == "inconclusive"
    assert "400 answers cannot be judged: its text was not kept" in verdict.why
    old = told(PAGE, size=-1, digest="").verdict(check)
    assert (old.outcome, "from a version that did not record answers" in old.why) == ("inconclusive", True)


def test_of_a_long_text_only_what_was_kept_is_evidence():
    story = told(PAGE, size=100_000)
    assert story.verdict(responses(text="ready")).outcome == "held"
    assert story.verdict(responses(not_matching="ready")).outcome == "violated"
    for check in (responses(not_matching="orry"), responses(matching="orry"), responses(json={"state": "ready"})):
        assert story.verdict(check).outcome == "inconclusive"
    assert story.verdict(responses(min_bytes=100_000)).outcome == "held"


def on_the_edge(**changes: Any) -> Story:
    story = told(PAGE)
    story.events = [replace(event, **changes) if isinstance(event, Call) else event for event in story.events]
    return story


def test_on_an_edge_size_type_and_headers_are_judged():
    story = on_the_edge(size=55, content_type="application/json", headers=("x-cache: hit",))
    check = responses(EDGE, min_bytes=50, content_type="application/json", headers={"x-cache": "hit"})
    assert (story.verdict(check).outcome, story.verdict(check).source) == ("held", "caller's proxy")
    assert story.verdict(responses(EDGE, min_bytes=56)).outcome == "violated"
    assert on_the_edge(size=0, outcome="broken_off").verdict(responses(EDGE, min_bytes=1)).outcome == "inconclusive"
    assert on_the_edge().verdict(responses(EDGE, min_bytes=1)).outcome == "inconclusive"


@pytest.mark.parametrize(
    ("check", "message"),
    [
        (lambda: responses(), "give at least one of json="),
        (lambda: responses(matching="("), "matching= is no regular expression"),
        (lambda: responses(min_bytes=0), "min_bytes must be a number above 0"),
        (lambda: responses(text=""), "text= is a text of one character or more"),
        (lambda: told(PAGE).verdict(responses(EDGE, text="x")), "proxies do not record bodies, so text= cannot"),
        (lambda: told(PAGE).verdict(responses(headers={"x-age": "1"})), r"answerHeaders: \[x-age\] in the topology"),
        (lambda: availability(at_least_percent=100, ok="sorry"), "ok= takes a function of an answer"),
        (lambda: contained(unless=1), "unless= takes a function of an answer"),
    ],
)
def test_what_cannot_be_judged_is_refused(check, message):
    with pytest.raises(CheckError, match=message):
        check()


# -- predicates


def polite(answer):
    return "orry" not in answer.text


def test_availability_takes_a_predicate_of_the_answer():
    good = availability(at_least_percent=100, ok=polite)
    assert str(good) == "availability(at_least_percent=100, ok=polite)"
    assert told(PAGE).verdict(good).outcome == "held"
    verdict = told(PAGE, SORRY).verdict(good)
    assert (verdict.outcome, verdict.observed) == ("violated", "200 of 400 (50 %)")
    assert "200 answers not good: polite is not true of it (200)" in verdict.why
    assert told(PAGE, kept=False).verdict(good).outcome == "inconclusive"
    assert told(None, kept=False).verdict(good).outcome == "violated"  # an error needs no text


def test_a_predicate_may_allow_a_status_but_no_server_error():
    not_found = availability(at_least_percent=100, ok=lambda answer: answer.status in (200, 404))
    assert told(PAGE, status=404).verdict(not_found).outcome == "held"
    assert told(None).verdict(availability(at_least_percent=100, ok=lambda answer: True)).outcome == "violated"


def test_a_field_that_is_missing_is_not_good():
    items = availability(at_least_percent=100, ok=lambda answer: answer.json["items"])
    assert told(PAGE).verdict(items).outcome == "held"
    assert "JSONDecodeError" in told(SORRY).verdict(items).why


def test_contained_takes_a_predicate_of_bad_answers():
    sorry = contained(unless=lambda answer: "orry" in answer.text)
    assert told(PAGE).verdict(sorry).outcome == "held"
    verdict = told(*[PAGE] * 19, SORRY).verdict(sorry)
    assert (verdict.outcome, verdict.observed.split(" affected")[0]) == ("violated", "1 of 20 users")
    assert "20 answers: the lambda is true of it (20)" in verdict.why
    assert told(*[PAGE] * 19, SORRY).verdict(replace(sorry, at_most=1)).outcome == "held"
    assert told(PAGE, kept=False).verdict(sorry).outcome == "inconclusive"


def test_a_predicate_of_bad_answers_that_misses_a_field_leaves_it_open():
    verdict = told(PAGE).verdict(contained(unless=lambda answer: answer.json["degraded"]))
    assert (verdict.outcome, "KeyError: 'degraded'" in verdict.why) == ("inconclusive", True)


def test_a_header_that_is_not_recorded_is_not_taken_for_missing():
    check = availability(at_least_percent=100, ok=lambda answer: answer.headers["X-Age"] == "1")
    assert "the header X-Age is not recorded" in told(PAGE).verdict(check).why
    assert told(PAGE).verdict(replace(check, ok=lambda answer: answer.headers["X-Cache"] == "hit")).outcome == "held"
