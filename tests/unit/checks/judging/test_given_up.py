"""Who gave up: on an edge itself, on a path to it, or the load; what happened behind it does not matter."""

from dataclasses import replace

import pytest

from testbed.checks.judging.given_up import gave_up
from testbed.checks.judging.view import EVERYONE, View, window_of
from testbed.history.events import Call
from testbed.history.index import Index
from tests.kit.story import EDGE, faulty

UP = "frontend -> checkout"


def asked(edge, on, **ended):
    """Whether somebody gave up as seen from `on`, where one call on `edge` ended in this way."""
    story = faulty(20, tries=1)
    call = next(event for event in story.events if isinstance(event, Call))
    story.events.append(replace(call, edge=edge, **ended))
    index = Index(story.history)
    return gave_up(View(index, EVERYONE, window_of(index, "hold")), [on])


@pytest.mark.parametrize(("edge", "on", "found"), [(EDGE, EDGE, True), (UP, EDGE, True), (EDGE, UP, False)])
def test_a_timeout_counts_on_the_edge_and_on_a_path_to_it(edge, on, found):
    assert asked(edge, on, outcome="timeout") is found


@pytest.mark.parametrize(
    ("ended", "found"),
    [({"status": 504}, True), ({"status": 0}, True), ({"status": 503}, False), ({"outcome": "reset"}, False)],
)
def test_an_error_at_once_is_not_given_up(ended, found):
    assert asked(EDGE, EDGE, **ended) is found
