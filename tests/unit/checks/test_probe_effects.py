from dataclasses import replace

import pytest

from testbed.checks import probe_effects
from testbed.errors import CheckError
from testbed.history.events import Request
from tests.kit.story import faulty

AFTER = 9.5  # seconds: half a second after the load
LAST = 19  # the reading after the load, the first one is before it


def sold(rows, *, failed=0, method="POST", per=1, **more):
    """900 requests of which the last ones of hold fail; so many rows were written while they were sent."""
    story = faulty(status=lambda i: 503 if i < failed else 200)
    story.events = [replace(e, method=method) if isinstance(e, Request) else e for e in story.events]
    story.probed("rows", lambda i: 10 + (rows if i == LAST else 0), -0.5, AFTER, **more)
    return story


def test_as_many_effects_as_answers():
    verdict = sold(900).verdict(probe_effects("rows"))
    assert (verdict.outcome, verdict.observed) == ("held", "900 effects of 900 answered requests")
    assert (verdict.phase, verdict.n, verdict.bound) == ("the whole run", 900, "1 effect for each answered request")


def test_more_effects_than_requests_are_duplicates():
    verdict = sold(903).verdict(probe_effects("rows"))
    assert (verdict.outcome, verdict.why) == (
        "violated",
        "903 effects of 900 requests: at least 3 are duplicates",
    )


def test_fewer_effects_than_answers_are_lost():
    verdict = sold(898).verdict(probe_effects("rows"))
    assert (verdict.outcome, verdict.why) == ("violated", "2 effects of answered requests are lost")


def test_what_failed_requests_may_have_done_is_not_known_unless_it_may_count():
    story = sold(895, failed=10)  # 890 good answers
    verdict = story.verdict(probe_effects("rows"))
    assert verdict.outcome == "inconclusive"
    assert verdict.why.startswith("5 effects more than good answers; 10 requests failed and may have had an effect")
    assert story.verdict(probe_effects("rows", failed_may_count=True)).outcome == "held"
    assert sold(890, failed=10).verdict(probe_effects("rows")).outcome == "held"
    assert sold(901, failed=10).verdict(probe_effects("rows", failed_may_count=True)).outcome == "violated"


def test_each_request_may_have_several_effects():
    assert sold(1800).verdict(probe_effects("rows", per_request=2)).outcome == "held"
    assert sold(1799).verdict(probe_effects("rows", per_request=2)).outcome == "violated"


def test_the_rows_of_several_places_are_added():
    story = sold(400, place="db-1", places=("db-1", "db-2"))
    story.probed("rows", lambda i: 500 * (i == LAST), -0.5, AFTER, place="db-2")
    assert story.verdict(probe_effects("rows")).outcome == "held"


def test_an_unknown_count_before_or_after_proves_nothing():
    story = faulty()
    story.events = [replace(e, method="POST") if isinstance(e, Request) else e for e in story.events]
    story.probed("rows", lambda i: None if i == LAST else 5, -0.5, AFTER)
    verdict = story.verdict(probe_effects("rows"))
    assert verdict.outcome == "inconclusive"
    assert verdict.why == "the count before or after the load is not known: rows: it failed"


@pytest.mark.parametrize(
    ("start", "end", "why"),
    [
        (0.0, AFTER, "its first reading ended after the first request was sent"),
        (-0.5, 8.5, "its last reading began before the last request ended"),
        (9.0, AFTER, "there is only 1 reading"),
    ],
)
def test_readings_that_do_not_enclose_the_load_prove_nothing(start, end, why):
    story = faulty()
    story.events = [replace(e, method="POST") if isinstance(e, Request) else e for e in story.events]
    story.probed("rows", 5, start, end)
    verdict = story.verdict(probe_effects("rows"))
    assert (verdict.outcome, verdict.why.endswith(why)) == ("inconclusive", True), verdict.why


@pytest.mark.parametrize(
    ("rows", "stall", "outcome"),
    [
        (898, 9.0, "inconclusive"),  # the last count can be too early
        (900, 9.0, "inconclusive"),
        (903, 9.0, "violated"),  # it never counts too many
        (903, -0.5, "inconclusive"),  # the first one can be
        (898, 5.0, "violated"),  # far from both
    ],
)
def test_a_count_beside_a_stall_of_ours_proves_nothing(rows, stall, outcome):
    story = sold(rows)
    story.probes(stall, stall + 0.4, 300)
    assert story.verdict(probe_effects("rows")).outcome == outcome


def test_reads_have_no_effects():
    verdict = sold(0, method="GET").verdict(probe_effects("rows"))
    assert (verdict.outcome, verdict.observed) == ("inconclusive", "no request")


def test_it_has_no_window():
    with pytest.raises(CheckError, match="effects are counted in the whole run"):
        sold(900).verdict(probe_effects("rows").during("hold"))
    with pytest.raises(CheckError, match="per_request"):
        probe_effects("rows", per_request=0)
