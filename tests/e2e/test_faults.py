"""Each fault is real: its effect is measured at the caller, and it is gone when it is healed."""

import time
from statistics import median

import pytest

from testbed import (
    abort,
    delay,
    get,
    kill,
    latency,
    only_statuses,
    outage,
    pause,
    refused,
    reset,
    restart,
    silent,
    steady,
)

pytestmark = pytest.mark.e2e
EDGE = "front -> back"


def times(client, n=20):
    """The status and the milliseconds of n requests, one after the other."""
    seen = []
    for _ in range(n):
        begun = time.perf_counter()
        status = client.get("/").status_code
        seen.append((status, (time.perf_counter() - begun) * 1000))
    return seen


def statuses(client, n=20):
    return [status for status, _ in times(client, n)]


@pytest.fixture
def client(small):
    with small.client(user="u0001", cohort="oslo") as client:
        assert statuses(client, 5) == [200] * 5
        yield client


def test_latency_is_added_to_the_answer_and_gone_when_healed(small, client):
    plain = median(ms for _, ms in times(client))
    with small.inject(latency(ms=200).on(EDGE)):
        slow = [ms for _, ms in times(client, 10)]
    healed = median(ms for _, ms in times(client))
    assert min(slow) >= 200
    assert 150 <= median(slow) - plain < 600  # the machine is shared: the benchmark has the exact figure
    assert healed < 150


def test_latency_with_jitter_is_spread_over_its_range(small, client):
    with small.inject(latency(ms=60, jitter_ms=40).on(EDGE)):
        slow = [ms for _, ms in times(client, 40)]
    assert min(slow) >= 20
    assert max(slow) - min(slow) > 20


def test_latency_on_one_replica_hits_that_replica_only(small, client):
    with small.inject(latency(ms=200).on(EDGE, replica="back-1")):
        slow = sorted(ms for _, ms in times(client, 20))
    assert slow[5] < 150
    assert slow[10] >= 200


def test_refused_is_seen_as_a_failed_connection(small, client):
    with small.inject(refused().on(EDGE)):
        assert statuses(client) == [502] * 20
    assert statuses(client) == [200] * 20


def test_silent_is_seen_as_a_time_out(small, client):
    with small.inject(silent().on(EDGE)):
        seen = times(client, 3)
    assert [status for status, _ in seen] == [502] * 3
    assert all(585 <= ms < 2000 for _, ms in seen)
    assert statuses(client)[5:] == [200] * 15


def test_reset_is_seen_by_connections_that_were_open_and_by_new_ones(small, client):
    with small.inject(reset().on(EDGE)):
        seen = times(client, 10)
    assert [status for status, _ in seen] == [502] * 10
    assert median(ms for _, ms in seen) < 300  # at once, never by a time-out
    assert statuses(client) == [200] * 20


def test_delay_is_added_before_the_callee_works(small, client):
    with small.inject(delay(ms=200).on(EDGE)):
        assert min(ms for _, ms in times(client, 10)) >= 185  # Envoy counts from the start of its event loop turn
    assert median(ms for _, ms in times(client)) < 150


@pytest.mark.parametrize("status", [404, 429])
def test_abort_answers_with_its_status(small, client, status):
    with small.inject(abort(status).on(EDGE)):
        assert statuses(client) == [status] * 20
    assert statuses(client) == [200] * 20


def test_a_cohort_is_hit_and_nobody_else(small, client):
    with small.client(user="u2", cohort="bergen") as other, small.inject(abort(404).on(EDGE).for_cohort("oslo")):
        assert statuses(client) == [404] * 20
        assert statuses(other) == [200] * 20


def test_named_users_are_hit_and_nobody_else(small, client):
    with small.client(user="u2") as other, small.inject(abort(404).on(EDGE).for_users("u2", "u3")):
        assert statuses(client) == [200] * 20
        assert statuses(other) == [404] * 20


def test_a_share_of_the_requests_is_drawn_anew_each_time(small, client):
    with small.inject(abort(404).on(EDGE).for_requests(percent=50)):
        hit = statuses(client, 100).count(404)
    assert 25 <= hit <= 75  # five standard deviations


def test_attempts_are_told_apart(small, client):
    with small.inject(abort(404).on(EDGE).for_attempts(2)):
        assert statuses(client) == [200] * 20  # there is no second try on this edge


def test_a_killed_replica_is_refused_and_comes_back(small, client):
    with small.inject(kill().on(replica="back-1")):
        assert sorted(statuses(client)) == [200] * 10 + [502] * 10
    assert statuses(client) == [200] * 20


def test_a_restart_is_over_when_it_is_injected(small, client):
    with small.inject(restart().on(service="back")):
        assert statuses(client)[2:] == [200] * 18


def test_a_paused_replica_times_out_and_goes_on(small, client):
    with small.inject(pause().on(replica="back-2")):
        seen = times(client, 4)
    assert sorted(status for status, _ in seen) == [200, 200, 502, 502]
    assert all(ms >= 585 for status, ms in seen if status == 502)
    assert statuses(client)[4:] == [200] * 16


@pytest.mark.parametrize("kind", ["refused", "erroring", "killed"])
def test_a_partial_outage_hits_one_replica_of_two(small, client, kind):
    with small.inject(outage("back", replicas=1, kind=kind)):
        assert sorted(statuses(client)) == [200] * 10 + [502] * 10
    assert statuses(client)[2:] == [200] * 18


def test_faults_compose_and_heal_one_by_one(small, client):
    with small.inject(latency(ms=150).on(EDGE)) as slow, small.inject(abort(404).on(EDGE)):
        assert all(status == 404 and ms >= 150 for status, ms in times(client, 10))
        slow.heal()
        assert median(ms for _, ms in times(client)) < 140
    assert statuses(client) == [200] * 20


def test_a_share_of_the_users_is_exact(small):
    run = small.experiment(
        abort(404).on(EDGE).for_users(percent=10),
        load=steady(get("/"), rps=100, users=50),
        warmup_s=0.2,
        baseline_s=0.2,
        hold_s=1.5,
        recover_s=0.2,
    )
    failed = {r.user for r in run.history.index.requests if r.phase == "hold" and r.status == 404}
    fine = {r.user for r in run.history.index.requests if r.phase == "hold" and r.status == 200}
    assert (len(failed), len(fine)) == (5, 45)
    run.check(affected=[only_statuses(404)], unaffected=[only_statuses(200)])
