"""A page that says sorry with a 200, or a redirect to such a page, is not what users came for."""

import pytest

from testbed import abort, availability, constant_rate, contained, get, responses, statuses, topology
from testbed.experiment.replay import read_runs, write_runs
from testbed.experiment.run import Run
from tests.kit.judging import verdict

pytestmark = pytest.mark.e2e

sorry = topology("answers/sorry.yaml")
away = topology("answers/away.yaml")
honest = topology("answers/honest.yaml")
EDGE = "shop -> stock"
SHORT = {"warmup_s": 0.2, "baseline_s": 0.4, "hold_s": 0.8, "recover_s": 0.4}
LOAD = constant_rate(get("/"), rps=20)
EMPTY = abort(503).on(EDGE)


def has_items(answer):
    return answer.json["items"]


def says_sorry(answer):
    return "Sorry" in answer.text


CLAIMS = [
    contained(unless=says_sorry),
    availability(at_least_percent=100, ok=has_items),
    responses(json={"items": ["cup"] * 20}),
    responses(not_matching="[Ss]orry"),
    responses(content_type="application/json"),
    responses(min_bytes=100),
]


def test_planted_an_apology_with_200(sorry, tmp_path):
    run = sorry.experiment(EMPTY, load=LOAD, **SHORT)
    run.check(all=[contained(), statuses(200)])  # the status says nothing
    for check in CLAIMS:
        found = verdict(run, check)
        assert found.outcome == "violated", check
        assert "Sorry, something went wrong" in found.next
    write_runs([run], tmp_path / "run.jsonl")
    (again,) = read_runs(tmp_path / "run.jsonl")
    assert [verdict(Run(again), check).outcome for check in CLAIMS] == ["violated"] * len(CLAIMS)


def test_planted_a_redirect_to_an_apology(away):
    run = away.experiment(EMPTY, load=LOAD, **SHORT)
    assert {one.ended_at for one in run.history.index.by_phase["hold"]} == {"/sorry"}
    assert [verdict(run, check).outcome for check in CLAIMS] == ["violated"] * len(CLAIMS)


def test_fixed_an_error_is_said_as_an_error(honest):
    run = honest.experiment(EMPTY, load=LOAD, **SHORT)
    assert [verdict(run, check).outcome for check in CLAIMS[:2]] == ["violated"] * 2  # by their status
    assert verdict(run, responses(json=lambda page: page["items"])).outcome == "inconclusive"  # no good answer
    run.check(all=[check.during("baseline") for check in CLAIMS])
    there = responses(EDGE, min_bytes=100, content_type="application/json", headers={"x-cache": "hit"})
    run.check(all=[there.during("baseline")])
    assert verdict(run, responses(EDGE, min_bytes=10_000).during("baseline")).outcome == "violated"


def test_wrong_texts_that_were_not_kept_prove_nothing(sorry):
    load = constant_rate(get("/"), rps=20, bodies_kb=0)
    run = sorry.experiment(EMPTY, load=load, **SHORT)
    for check in (contained(unless=says_sorry), responses(not_matching="[Ss]orry")):
        assert verdict(run, check).outcome == "inconclusive"
    assert verdict(run, responses(min_bytes=100)).outcome == "violated"  # the size is known
