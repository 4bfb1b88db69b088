import pytest

from testbed.checks import fallback
from testbed.errors import CheckError
from tests.kit.story import Story, faulty, quiet


def test_it_holds_when_every_answer_carries_it():
    verdict = quiet(5, fallbacks=("other", "list-price")).verdict(fallback("list-price"))
    assert (verdict.outcome, verdict.observed) == ("held", "5 of 5 answers (100 %)")
    assert (verdict.bound, verdict.confidence, verdict.n) == ("all with list-price", "exact", 5)


def test_one_answer_without_it_is_a_violation():
    story = quiet(5, status=lambda i: 503 if i == 4 else 200, fallbacks=lambda i: ("list-price",) if i < 4 else ())
    verdict = story.verdict(fallback("list-price"))
    assert (verdict.outcome, verdict.observed, verdict.margin) == ("violated", "4 of 5 answers (80 %)", "1 missing")
    assert verdict.why == "1 answer came without list-price: 503 with no fallback x 1"


def test_a_share_is_counted_exactly():
    def story(taken):
        return quiet(5, fallbacks=lambda i: ("list-price",) if i < taken else ("stale",))

    held = story(4).verdict(fallback("list-price", at_least_percent=80))
    assert (held.outcome, held.bound, held.margin) == ("held", ">= 80 % with list-price", "0 to spare")
    missed = story(3).verdict(fallback("list-price", at_least_percent=80))
    assert (missed.outcome, missed.margin) == ("violated", "1 missing")
    assert "200 with stale x 2" in missed.why


def test_requests_without_an_answer_are_not_counted():
    verdict = quiet(5, fallbacks=("list-price",), status=lambda i: 0 if i == 2 else 200).verdict(fallback("list-price"))
    assert (verdict.outcome, verdict.n) == ("held", 4)


def test_it_is_inconclusive_when_nothing_was_answered():
    verdict = faulty(5, status=0).verdict(fallback("list-price"))
    assert (verdict.outcome, verdict.n) == ("inconclusive", 0)
    assert verdict.why == "0 of 5 requests got an answer (at least 1 needed)"
    assert verdict.next.startswith("request hold-0 ")


def test_an_unknown_fallback_names_the_nearest():
    with pytest.raises(CheckError, match=r"there is no fallback 'list-prise' \(did you mean 'list-price'\?\)"):
        quiet(5).verdict(fallback("list-prise"))


def test_a_topology_without_fallbacks_says_so():
    story = Story(topology={"entry": "frontend", "services": {"frontend": {}}})
    story.phase("hold", 5)
    with pytest.raises(CheckError, match=r"this topology has no fallbacks"):
        story.verdict(fallback("list-price"))


def test_without_any_topology_every_name_may_be_right():
    story = Story(topology={})
    story.phase("hold", 5, fallbacks=("mine",))
    assert story.verdict(fallback("mine")).outcome == "held"


@pytest.mark.parametrize("percent", [0, 101, -5])
def test_a_share_that_makes_no_sense_is_refused(percent):
    with pytest.raises(CheckError, match="at_least_percent must be above 0 and at most 100"):
        fallback("list-price", at_least_percent=percent)


@pytest.mark.parametrize("name", ["", None, 5])
def test_it_needs_a_name(name):
    with pytest.raises(CheckError, match="takes the name of a fallback"):
        fallback(name)
