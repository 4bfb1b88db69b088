"""What services do about deadlines and with their last good answers, behind real proxies."""

import pytest

from testbed import (
    Inconclusive,
    NotContained,
    abort,
    constant_rate,
    contained,
    deadline_propagation,
    fallback,
    get,
    statuses,
    topology,
)
from tests.kit.judging import rejected

pytestmark = pytest.mark.e2e
GRACE_MS = 600  # what is late here is 900 ms late; a busy machine is not
SHORT = {"warmup_s": 0.1, "baseline_s": 0.2, "hold_s": 0.5, "recover_s": 0.2}

deadlines = topology("deadlines.yaml", scope="module")


def load(path):
    return constant_rate(get(path), rps=20, users=5, timeout_s=30)


def test_a_service_that_minds_the_deadline_begins_nothing_after_it(deadlines):
    run = deadlines.experiment(load=load("/"), **SHORT)
    run.check(all=[deadline_propagation(grace_ms=GRACE_MS), statuses(503)])
    with pytest.raises(Inconclusive):  # nobody asked back at all
        run.check(all=[deadline_propagation("careful -> back")])


def test_one_that_does_not_works_for_nobody(deadlines):
    run = deadlines.experiment(load=load("/careless"), **SHORT)
    found = rejected(run, deadline_propagation(grace_ms=GRACE_MS))
    assert found.edge == "careless -> back"
    assert found.outcome != "violated" or "the whole request was over" in found.why


def test_the_last_good_answer_takes_the_place_of_a_failure(deadlines):
    run = deadlines.experiment(abort(503).on("front -> back"), load=load("/price"), **SHORT)
    run.check(all=[statuses(200), fallback("last-price"), contained()])
    with pytest.raises(NotContained):
        run.check(all=[contained(fallbacks=True)])


def test_what_was_learnt_in_one_test_is_forgotten_in_the_next(deadlines):
    with deadlines.client() as client:
        assert client.get("/price").status_code == 200
        with deadlines.inject(abort(503).on("front -> back")):
            assert client.get("/price").status_code == 200
        deadlines.clean()
        with deadlines.inject(abort(503).on("front -> back")):
            assert client.get("/price").status_code == 503
