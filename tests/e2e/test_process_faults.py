"""What a slow, small, slowly starting or crashing process does to its callers, measured there."""

import time

import pytest

from testbed import (
    History,
    Inconclusive,
    NotContained,
    Run,
    TestbedError,
    attempts,
    cpu,
    crash_loop,
    flapping,
    get,
    kill,
    latency,
    memory,
    only_statuses,
    outage,
    pause,
    recovers,
    rolling,
    slow_start,
    steady,
)
from testbed.errors import FaultError
from testbed.support import sources

pytestmark = pytest.mark.e2e
EDGE = "front -> back"
SHORT = {"warmup_s": 0.2, "baseline_s": 0.3, "hold_s": 1.5, "recover_s": 1}
needs_memory = pytest.mark.needs("memory")


def statuses(client, n=20):
    return [client.get("/").status_code for _ in range(n)]


@pytest.fixture
def client(small):
    with small.client() as client:
        assert statuses(client, 5) == [200] * 5
        yield client


@pytest.fixture
def heavy_client(heavy):
    with heavy.client() as client:
        assert statuses(client, 5) == [200] * 5
        yield client


@pytest.mark.parametrize("share", [0.2, 0.05])
def test_work_takes_longer_by_the_share_of_the_processor_that_it_gets(heavy, heavy_client, share):
    with heavy.inject(cpu(share=share).on(service="back")):
        begun, used = time.perf_counter(), heavy._runtime.cpu_seconds("back-1/app")
        assert [heavy_client.get("/hard").status_code for _ in range(15)] == [200] * 15
        took, spent = time.perf_counter() - begun, heavy._runtime.cpu_seconds("back-1/app") - used
    assert spent > 0.05
    assert took >= 0.85 * (spent - 0.02) / share  # the spent time is counted in steps of 10 ms
    assert statuses(heavy_client) == [200] * 20


def test_short_work_has_to_wait_for_its_turn_too(heavy, heavy_client):
    with heavy.inject(cpu(share=0.02).on(service="back")):  # turns of 2 ms, 98 ms apart
        slow = [milliseconds(heavy_client) for _ in range(60)]
    assert max(slow) >= 50


def milliseconds(client):
    begun = time.perf_counter()
    assert client.get("/").status_code == 200
    return (time.perf_counter() - begun) * 1000


@needs_memory
def test_an_app_within_its_memory_works_and_one_that_needs_more_is_dead_until_it_is_healed(heavy, heavy_client):
    with heavy.inject(memory(mb=24).on(service="back")):
        assert statuses(heavy_client) == [200] * 20
        assert heavy_client.get("/big").status_code == 502
        assert statuses(heavy_client) == [502] * 20
    assert statuses(heavy_client) == [200] * 20
    assert heavy_client.get("/big").status_code == 200  # as much as it likes


@needs_memory
def test_an_app_that_its_memory_kills_is_a_finding(heavy):
    fault = memory(mb=24).on(service="back")
    run = heavy.experiment(fault, load=steady(get("/big"), rps=3), **SHORT)
    with pytest.raises(NotContained, match=r"back-1/app died .* after f\d+ memory\(mb=24\)"):
        run.check(all=[only_statuses(200, 502)])


@needs_memory
def test_an_app_that_does_not_even_start_with_so_little_is_our_trouble(heavy, heavy_client):
    with pytest.raises(TestbedError, match="back-1/app does not come up with 1 MiB of memory"):
        heavy.inject(memory(mb=1).on(service="back"))
    assert statuses(heavy_client) == [200] * 20
    heavy.experiment(load=steady(get("/"), rps=20), **SHORT).check(all=[only_statuses(200)])


def test_where_memory_cannot_be_limited_it_is_refused_before_anything_is_sent(heavy, monkeypatch):
    monkeypatch.setattr(heavy._runtime._memory, "missing", "this machine shows us no memory controller")
    with pytest.raises(FaultError, match=r"memory\(mb=24\).*no memory controller\. Use kill\(\) or crash_loop"):
        heavy.experiment(memory(mb=24).on(service="back"), load=steady(get("/"), rps=20))


def test_a_slow_start_is_refused_until_it_is_up_by_itself(small, client):
    begun = time.monotonic()
    with small.inject(slow_start(takes_s=1).on(service="back")):
        assert statuses(client) == [502] * 20
        while client.get("/").status_code != 200:
            assert time.monotonic() - begun < 20
        took = time.monotonic() - begun
        assert statuses(client)[2:] == [200] * 18
    assert 1 <= took < 10
    assert statuses(client) == [200] * 20


def test_a_slow_start_that_is_healed_is_over_at_once(small, client):
    with small.inject(slow_start(takes_s=60).on(service="back")) as fault:
        assert statuses(client) == [502] * 20
        fault.heal()
        assert statuses(client) == [200] * 20


def test_a_crash_loop_dies_and_comes_back_again_and_again(heavy, heavy_client):
    with heavy.inject(crash_loop(up_s=0.6, down_s=0.4).on(service="back")):
        assert statuses(heavy_client, 5) == [502] * 5
        assert changes(heavy_client, 4) == [502, 200, 502, 200]
    assert statuses(heavy_client) == [200] * 20


def test_any_fault_comes_and_goes(heavy, heavy_client):
    with heavy.inject(flapping(outage("back"), up_s=0.3, down_s=0.3)):
        assert changes(heavy_client, 4) == [502, 200, 502, 200]
    assert statuses(heavy_client) == [200] * 20


def changes(client, n, within_s=30):
    """The first n answers that differ from the one before."""
    deadline, seen = time.monotonic() + within_s, []
    while len(seen) < n and time.monotonic() < deadline:
        status = client.get("/").status_code
        if seen[-1:] != [status]:
            seen.append(status)
        time.sleep(0.002)
    return seen


def test_one_replica_after_the_other_is_down_and_never_both(small, client):
    fault = rolling(outage("back", kind="killed"), every_s=0.5)
    seen = []
    with small.inject(fault) as injection:
        first = statuses(client)
        while len(windows(small, fault)) < 2 or not windows(small, fault)[-1].healing_s:
            seen += statuses(client, 2)
        assert statuses(client)[2:] == [200] * 18  # over by itself
        injection.heal()
    assert sorted(first) == [200] * 10 + [502] * 10
    assert seen.count(200) >= len(seen) / 2 - 2
    first, second = windows(small, fault)
    assert {link.partition("--")[2] for link in first.links} == {"back-1"}
    assert {link.partition("--")[2] for link in second.links} == {"back-2"}


def windows(bed, fault):
    return [event for event in bed._injector.events if event.text == str(fault)]


def test_a_rolling_outage_is_judged_window_by_window_and_again_from_its_file(small, tmp_path):
    fault = rolling(outage("back"), every_s=0.6)
    run = small.experiment(fault, load=steady(get("/"), rps=100), **SHORT)
    (run_a, run_b), requests = run.history.index.faults, run.history.index.requests
    assert run_a.end <= run_b.start
    failed = {r.id for r in requests if r.status == 502}
    assert failed
    assert failed <= run.history.index.touched(run_a) | run.history.index.touched(run_b)
    checks = {"all": [only_statuses(200, 502), recovers(within_s=0.5)], "touched": [only_statuses(502, 200)]}
    report = run.check(**checks)
    run.history.write(tmp_path / "run.jsonl")
    assert Run(History.read(tmp_path / "run.jsonl")).judge(**checks) == report


def test_faults_follow_each_other_in_one_experiment(small):
    slow, down = latency(ms=50).on(EDGE), outage("back").after(s=0.7)
    with pytest.raises(FaultError, match="contradict"):  # a link that is closed shows no latency, but only for a while
        small.experiment(slow, outage("back"), load=steady(get("/"), rps=50), **SHORT)
    run = small.experiment(slow, down, load=steady(get("/"), rps=50), **SHORT)
    first, second = run.history.index.faults
    assert second.start - first.start >= 0.65
    hold = run.history.index.by_phase["hold"]
    coming = second.start - 0.25  # a fault's start is when it has been seen to be in force
    assert {r.status for r in hold if r.intended + r.latency_ms / 1000 < coming} == {200}
    assert {r.status for r in hold if second.start + 0.1 < r.intended} == {502}
    run.check(all=[only_statuses(200, 502)])


def test_a_fault_that_never_came_makes_the_run_inconclusive(small):
    with small.load(steady(get("/"), rps=50)) as traffic, small.inject(outage("back").after(s=60)):
        traffic.run(for_s=0.5, phase="waiting")
    with pytest.raises(Inconclusive, match=r"healed\s+before\s+it\s+had\s+come\s+into\s+force"):
        traffic.result().check(all=[only_statuses(200)])


def test_a_fault_that_would_wait_longer_than_it_is_held_is_refused(small):
    with pytest.raises(FaultError, match="would never be in force"):
        small.experiment(outage("back").after(s=2), load=steady(get("/"), rps=50), **SHORT)


def test_trouble_in_the_middle_of_a_fault_is_an_error_of_the_test(heavy):
    """The back dies of its own accord between two stops, so that there is nothing to stop."""
    fault = flapping(pause().on(service="back"), up_s=0.2, down_s=0.1)
    injection = heavy.inject(fault)
    heavy._runtime.kill("back-1/app")
    time.sleep(0.5)
    with pytest.raises(TestbedError, match="flapping.* went wrong while it was in force.* back-1/app is not running"):
        injection.heal()


def test_what_a_killed_app_had_in_hand_is_missed_where_only_itself_keeps_a_record(unmeshed):
    dies = kill().on(replica="front-1").after(s=0.5)
    with unmeshed.inject(latency(ms=200).on(EDGE)):
        run = unmeshed.experiment(dies, load=steady(get("/"), rps=50), **SHORT)
    died = next(event.at for event in run.history.index.processes if event.event == "killed")
    gaps = [one for one in run.history.index.evidence if not one.complete]
    assert {gap.source for gap in gaps} == {"attempts", "calls"}
    for gap in gaps:
        assert (gap.edges, gap.missing.split(":")[0]) == ((EDGE, "front -> old"), "front-1/app was killed")
        assert died - 2 < gap.since <= gap.until <= died
    (verdict,) = run.judge(all=[attempts(EDGE, at_most=1)]).verdicts
    assert verdict.outcome == "inconclusive"
    assert "front-1/app was killed" in verdict.why
    run.check(all=[attempts(EDGE, at_most=1).during("baseline")])
    quiet = unmeshed.experiment(load=steady(get("/"), rps=50), **SHORT)
    assert quiet.history.index.processes == []  # what an earlier load saw is no matter of this one
    quiet.check(all=[attempts(EDGE, at_most=1)])
    assert quiet.history.index.sources == sources("none")
