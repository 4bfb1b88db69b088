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
    constant_rate,
    cpu_limit,
    crash_loop,
    flapping,
    get,
    kill,
    latency,
    memory_limit,
    outage,
    pause,
    recovery,
    rolling,
    slow_start,
    statuses,
)
from testbed.checks import SATURATED
from testbed.errors import FaultError
from testbed.frontends.cli.support import sources
from testbed.history.exposure import touched
from tests.kit.processes import eventually

pytestmark = pytest.mark.e2e
EDGE = "front -> back"
SHORT = {"warmup_s": 0.1, "baseline_s": 0.2, "hold_s": 1.2, "recover_s": 0.3}
needs_memory = pytest.mark.needs("memory")


def statuses_of(client, n=20):
    return [client.get("/").status_code for _ in range(n)]


@pytest.fixture
def client(patient):
    with patient.client() as client:
        assert statuses_of(client, 5) == [200] * 5
        yield client


@pytest.fixture
def heavy_client(heavy):
    with heavy.client() as client:
        assert statuses_of(client, 5) == [200] * 5
        yield client


@pytest.mark.parametrize("share", [0.2, 0.05])
def test_work_takes_longer_by_the_share_of_the_processor_that_it_gets(heavy, heavy_client, share):
    with heavy.inject(cpu_limit(share=share).on(service="back")):
        begun, used = time.perf_counter(), heavy.parts.runtime.cpu_seconds("back-1/app")
        while (spent := heavy.parts.runtime.cpu_seconds("back-1/app") - used) < 0.1:
            assert heavy_client.get("/hard").status_code == 200
        took = time.perf_counter() - begun
    assert took >= 0.85 * (spent - 0.02) / share  # the spent time is counted in steps of 10 ms
    assert statuses_of(heavy_client) == [200] * 20


def test_short_work_has_to_wait_for_its_turn_too(heavy, heavy_client):
    with heavy.inject(cpu_limit(share=0.02).on(service="back")):  # turns of 2 ms, 98 ms apart
        assert any(milliseconds(heavy_client) >= 50 for _ in range(200))


def milliseconds(client):
    begun = time.perf_counter()
    assert client.get("/").status_code == 200
    return (time.perf_counter() - begun) * 1000


@needs_memory
def test_an_app_within_its_memory_works_and_one_that_needs_more_is_dead_until_it_is_healed(heavy, heavy_client):
    with heavy.inject(memory_limit(mb=24).on(service="back")):
        assert statuses_of(heavy_client) == [200] * 20
        assert heavy_client.get("/big").status_code == 502
        assert statuses_of(heavy_client) == [502] * 20
    assert statuses_of(heavy_client) == [200] * 20
    assert heavy_client.get("/big").status_code == 200  # as much as it likes


@needs_memory
def test_an_app_that_its_memory_kills_is_a_finding(heavy):
    fault = memory_limit(mb=24).on(service="back")
    load = constant_rate(get("/big"), rps=3, timeout_s=60)
    run = heavy.experiment(fault, load=load, warmup_s=0, baseline_s=0.4, hold_s=0.7, recover_s=0)
    with pytest.raises(NotContained, match=r"back-1/app died .* after f\d+ memory_limit\(mb=24\)"):
        run.check(all=[statuses(200, 502)])


@needs_memory
def test_an_app_that_does_not_even_start_with_so_little_is_our_trouble(heavy, heavy_client):
    with pytest.raises(TestbedError, match="back-1/app does not become ready with 1 MiB of memory"):
        heavy.inject(memory_limit(mb=1).on(service="back"))
    assert statuses_of(heavy_client) == [200] * 20
    heavy.experiment(load=constant_rate(get("/"), rps=20), **SHORT).check(all=[statuses(200)])


def test_where_memory_cannot_be_limited_it_is_refused_before_anything_is_sent(heavy, monkeypatch):
    monkeypatch.setattr(heavy.parts.runtime.backend.memory, "missing", "this machine has no memory controller")
    with pytest.raises(FaultError, match=r"memory_limit\(mb=24\).*no memory controller\. Use kill\(\) or crash_loop"):
        heavy.experiment(memory_limit(mb=24).on(service="back"), load=constant_rate(get("/"), rps=20))


def test_a_slow_start_is_refused_until_it_is_up_by_itself(patient, client):
    begun, seen = time.monotonic(), []
    with patient.inject(slow_start(takes_s=1).on(service="back")):
        eventually(lambda: 200 in seen or seen.append(client.get("/").status_code), within_s=60)
        assert time.monotonic() - begun >= 1
        eventually(lambda: statuses_of(client, 4) == [200] * 4, within_s=60)
    assert set(seen) <= {502, 200}
    assert statuses_of(client) == [200] * 20


def test_a_slow_start_that_is_healed_is_over_at_once(patient, client):
    with patient.inject(slow_start(takes_s=60).on(service="back")) as fault:
        assert statuses_of(client) == [502] * 20
        fault.heal()
        assert statuses_of(client) == [200] * 20


def test_a_crash_loop_dies_and_comes_back_again_and_again(heavy, heavy_client):
    with heavy.inject(crash_loop(up_s=0.6, down_s=0.4).on(service="back")):
        assert {*changes(heavy_client, 5)} == {502, 200}
    assert statuses_of(heavy_client) == [200] * 20


def test_any_fault_comes_and_goes(heavy, heavy_client):
    with heavy.inject(flapping(outage("back"), up_s=0.3, down_s=0.3)):
        assert {*changes(heavy_client, 5)} == {502, 200}
    assert statuses_of(heavy_client) == [200] * 20


def changes(client, n):
    """The first n answers that differ from the one before."""
    seen = []

    def enough():
        status = client.get("/").status_code
        seen.extend([status] if seen[-1:] != [status] else [])
        return len(seen) >= n

    eventually(enough, within_s=60)
    return seen


def test_one_replica_after_the_other_is_down_and_never_both(patient, client):
    fault = rolling(outage("back", kind="killed"), every_s=0.7)
    seen = []
    with patient.inject(fault) as injection:
        while len(windows(patient, fault)) < 2 or not windows(patient, fault)[-1].healing_s:
            seen += statuses_of(client, 2)
        assert statuses_of(client)[2:] == [200] * 18  # over by itself
        injection.heal()
    assert set(seen) == {200, 502}
    assert seen.count(200) >= len(seen) / 2 - 2
    first, second = windows(patient, fault)
    assert first.end <= second.start
    assert {link.partition("--")[2] for link in first.links} == {"back-1"}
    assert {link.partition("--")[2] for link in second.links} == {"back-2"}


def windows(bed, fault):
    return [event for event in bed.parts.injector.events if event.text == str(fault)]


def test_a_rolling_outage_is_judged_window_by_window_and_again_from_its_file(patient, tmp_path):
    fault = rolling(outage("back"), every_s=0.6)
    run = patient.experiment(
        fault, load=constant_rate(get("/"), rps=60, timeout_s=30), **SHORT | {"hold_s": 1.5, "recover_s": 1}
    )
    (run_a, run_b), requests = run.history.index.faults, run.history.index.requests
    assert run_a.end <= run_b.start
    failed = {r.id for r in requests if r.status == 502}
    assert failed
    assert failed <= touched(run.history.index, run_a) | touched(run.history.index, run_b)
    checks = {"all": [statuses(200, 502), recovery(within_s=0.5)], "touched": [statuses(502, 200)]}
    report = run.judge(**checks)
    assert all(found.outcome == "held" or found.why.startswith(SATURATED) for found in report.verdicts)
    run.history.write(tmp_path / "run.jsonl")
    assert Run(History.read(tmp_path / "run.jsonl")).judge(**checks) == report


def test_faults_follow_each_other_in_one_experiment(patient):
    slow, down = latency(ms=50).on(EDGE), outage("back").after(s=0.7)
    with pytest.raises(FaultError, match="contradict"):  # a link that is closed shows no latency, but only for a while
        patient.experiment(slow, outage("back"), load=constant_rate(get("/"), rps=30, timeout_s=30), **SHORT)
    run = patient.experiment(slow, down, load=constant_rate(get("/"), rps=30, timeout_s=30), **SHORT)
    first, second = run.history.index.faults
    assert second.start - first.start >= 0.7
    hold = run.history.index.by_phase["hold"]
    coming = first.start + 0.7
    assert {r.status for r in hold if r.intended + r.latency_ms / 1000 < coming} == {200}
    assert {r.status for r in hold if second.start < r.intended} == {502}
    run.check(all=[statuses(200, 502)])


def test_a_fault_that_never_came_makes_the_run_inconclusive(patient):
    with patient.load(constant_rate(get("/"), rps=50)) as traffic, patient.inject(outage("back").after(s=60)):
        traffic.run(for_s=0.2, phase="waiting")
    with pytest.raises(Inconclusive, match=r"healed\s+during\s+its\s+wait"):
        traffic.result().check(all=[statuses(200)])


def test_a_fault_that_would_wait_longer_than_it_is_held_is_refused(patient):
    with pytest.raises(FaultError, match="would never be in force"):
        patient.experiment(outage("back").after(s=2), load=constant_rate(get("/"), rps=30, timeout_s=30), **SHORT)


def test_trouble_in_the_middle_of_a_fault_is_an_error_of_the_test(heavy):
    """The back dies of its own accord between two stops, so that there is nothing to stop."""
    fault = flapping(pause().on(service="back"), up_s=1, down_s=0.05)
    injection = heavy.inject(fault)
    (timeline,) = heavy.parts.injector.timelines.values()
    eventually(lambda: windows(heavy, fault)[-1].healing_s, within_s=30)
    heavy.parts.runtime.kill("back-1/app")
    eventually(lambda: timeline.is_over, within_s=30)
    with pytest.raises(TestbedError, match="flapping.* failed while it was in force.* back-1/app is not running"):
        injection.heal()


def test_what_a_killed_app_had_in_hand_is_missed_where_only_itself_keeps_a_record(unmeshed):
    dies = kill().on(replica="front-1").after(s=0.5)
    with unmeshed.inject(latency(ms=200).on(EDGE)):
        run = unmeshed.experiment(dies, load=constant_rate(get("/"), rps=30, timeout_s=30), **SHORT)
    died = next(event.at for event in run.history.index.processes if event.event == "killed")
    gaps = [one for one in run.history.index.evidence if not one.complete]
    assert {gap.source for gap in gaps} == {"attempts", "calls"}
    for gap in gaps:
        assert (gap.edges, gap.missing.split(":")[0]) == ((EDGE, "front -> old"), "front-1/app was killed")
        assert died - 10 < gap.since <= gap.until <= died
    (verdict,) = run.judge(all=[attempts(EDGE, at_most=1)]).verdicts
    assert verdict.outcome == "inconclusive"
    assert "front-1/app was killed" in verdict.why
    run.check(all=[attempts(EDGE, at_most=1).during("baseline")])
    quiet = unmeshed.experiment(load=constant_rate(get("/"), rps=30, timeout_s=30), **SHORT)
    assert quiet.history.index.processes == []  # what an earlier load saw is no matter of this one
    quiet.check(all=[attempts(EDGE, at_most=1)])
    assert quiet.history.index.sources == sources("none")
