"""A testbed that is itself ill blames nobody and praises nobody: time-outs and reactions that it can have caused.

The planted arm makes the testbed ill while (nearly) nothing is broken. The fixed arm breaks the same system really.
"""

from pathlib import Path

import pytest

from testbed import abort, attempts, constant_rate, contained, delay, fallback, get, start, statuses
from tests.kit.illness import no_files, starved, stopped

pytestmark = pytest.mark.e2e
EDGE = "front -> back"
SICK = Path(__file__).parent / "sick" / "topology.yaml"
NOTHING = delay(ms=1).on(EDGE)
SHORT = {"warmup_s": 0.3, "baseline_s": 0.5, "recover_s": 0}


@pytest.fixture(scope="module")
def bed():
    with start(SICK) as running:
        yield running


@pytest.fixture(autouse=True)
def clean(bed):
    yield
    bed.clean()


def load(timeout_s=1.0):
    return constant_rate(get("/x"), rps=30, timeout_s=timeout_s)


def test_wrong_a_fallback_and_a_failure_because_of_a_starved_inlet_prove_nothing(bed):
    with starved(bed, "inlet", stopped_s=0.22):
        run = bed.experiment(NOTHING, load=load(5.0), hold_s=2, **SHORT)
    taken = run.judge(all=[fallback("list-price", at_least_percent=50)])
    kept = run.judge(all=[contained(fallbacks=True).during("hold")])
    assert (taken.outcome, kept.outcome) == ("inconclusive", "inconclusive")


def test_wrong_missing_answers_while_the_link_proxy_is_stopped_prove_nothing(bed):
    with stopped([bed.parts.runtime.pid("links")], after_s=1.3, for_s=2.5):
        run = bed.experiment(NOTHING, load=load(), hold_s=1.5, **SHORT)
    report = run.judge(all=[statuses(200), contained()])
    assert "violated" not in [verdict.outcome for verdict in report.verdicts]  # held: the stop was in a longer warm-up
    assert report.verdicts[0].outcome == "held" or "got no answer for" in report.verdicts[0].why


def test_wrong_missing_answers_while_everything_is_stopped_prove_nothing(bed):
    pids = [bed.parts.runtime.pid(process.name) for process in bed.plan.processes]
    with stopped(pids, after_s=1.3, for_s=2.5):
        run = bed.experiment(NOTHING, load=load(), hold_s=1.5, **SHORT)
    report = run.judge(all=[statuses(200), contained()])
    assert "violated" not in [verdict.outcome for verdict in report.verdicts]


def test_wrong_missing_answers_of_a_link_proxy_without_file_descriptors_prove_nothing():
    """It has a mesh of its own: Toxiproxy accepts nothing any more once it has had no descriptors."""
    with start(SICK) as bed, no_files(bed.parts.runtime.pid("links")):
        run = bed.experiment(load=load(), hold_s=1, **SHORT)
    (found,) = run.judge(all=[statuses(200).during("hold")]).verdicts
    assert (found.outcome, found.observed) == ("inconclusive", "no answer (timeout) x 30")
    assert "a process of the testbed had no file descriptors left" in found.why


def test_planted_what_the_fault_did_is_proved_on_the_same_testbed(bed):
    run = bed.experiment(abort(503).on(EDGE), load=load(), hold_s=1, **SHORT)
    broken, taken, single = run.judge(
        all=[contained(fallbacks=True), fallback("list-price", at_least_percent=50), attempts(EDGE, exactly=1)]
    ).verdicts
    assert (broken.outcome, taken.outcome, single.outcome) == ("violated", "held", "held")


def test_planted_what_the_fault_did_is_proved_even_while_the_inlet_starves(bed):
    with starved(bed, "inlet", stopped_s=0.1):
        run = bed.experiment(abort(503).on(EDGE), load=load(5.0), hold_s=1, **SHORT)
    assert run.judge(all=[contained(fallbacks=True)]).outcome == "violated"
