"""What a user sees of the plugin: verdicts, summaries, kept histories, replays."""

import json
from fnmatch import fnmatchcase

import pytest

pytestmark = pytest.mark.e2e

IMPORTS = """
from testbed import *
import pytest

SHORT = dict(load=constant_rate(get("/"), rps=50), warmup_s=0.1, baseline_s=0.3, hold_s=1, recover_s=0.5)
"""

GREEN = """
def test_green(tiny):
    run = tiny.experiment(latency(ms=20).on("front -> back"), **SHORT)
    run.check(all=[statuses(200), max_latency(under_ms=20000)])
"""
JUDGED = """
def test_red(tiny):
    tiny.experiment(abort(503).on("front -> back"), **SHORT).check(all=[statuses(200)])

def test_load_without_a_check(tiny):
    tiny.experiment(**SHORT)

def test_a_fault_that_touches_nothing(tiny):
    tiny.experiment(abort(503).on("front -> back").for_users("nobody"), **SHORT).check(all=[statuses(200)])

def test_swapped(tiny):
    with tiny.load(SHORT["load"]) as traffic, tiny.inject(delay(ms=300).on("front -> back")):
        traffic.run(for_s=0.5, phase="patient")
        with tiny.override_policies({"front -> back": {"timeout": "100ms"}}):
            traffic.run(for_s=0.5, phase="hasty")
    traffic.result().check(all=[statuses(200).during("patient"), statuses(200).during("hasty")])
"""
CLEAN = """
def test_leaves_a_fault_behind(tiny):
    tiny.inject(connection_refused().on("front -> back"))
    tiny.inject(kill().on(replica="front-1"))

def test_finds_nothing_of_it(tiny):
    with tiny.client() as client:
        assert [client.get("/").status_code for _ in range(5)] == [200] * 5

def test_leaves_a_policy_behind(tiny):
    tiny.override_policies({"front -> back": None})

def test_finds_the_policy_as_written(tiny):
    assert tiny.topology.policy("front -> back").timeout == 60_000
"""
BLOCKS = """
def test_timeline(tiny):
    with tiny.load(SHORT["load"]) as traffic, tiny.inject(outage("back", kind="refused")) as fault:
        traffic.run(for_s=0.5, phase="down")
        fault.heal()
        traffic.run(for_s=1, phase="healed")
    traffic.result().check(all=[statuses(503).during("down"), availability(at_least_percent=90).during("healed")])

@pytest.mark.anyio
async def test_async(tiny):
    async with tiny.async_client(user="u1") as client:
        with tiny.inject(abort(503).on("front -> back")):
            assert (await client.get("/")).status_code == 503
        assert (await client.get("/")).status_code == 200
    tiny.experiment(**SHORT).check(all=[statuses(200)])

@pytest.fixture
def anyio_backend():
    return "asyncio"
"""
JUDGED_AGAIN = ["*PASS*statuses*200 x 50*", "*FAIL*statuses*503 x 50*", "*policy*{timeout: 100ms, *"]
SEEN = [
    "*testbed: faults and verdicts*",
    "*NotContained*",
    "*FAIL*all, hold*",
    "*policy*{timeout: 60s, *",
    "*re-evaluate with*",
    "*Inconclusive: load without any check*",
    "*why*the fault f?*touched none of*",
    "*--testbed-seed=*",
]


def shows(result, *patterns):
    """Each of these has a line, in any order, wherever the lines are wrapped."""
    lines = [*result.stdout.lines, " ".join(result.stdout.str().split())]
    assert [one for one in patterns if not any(fnmatchcase(line, one) for line in lines)] == [], result.stdout.str()


def test_verdicts_are_told_everywhere_kept_on_request_and_judged_again_without_a_mesh(run, project, monkeypatch):
    """A red history is kept without being asked for: tests/e2e/runtime/survival/test_interrupted.py."""
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(project.path / "summary.md"))
    result = run(IMPORTS + GREEN + JUDGED, "--testbed-keep", "--junitxml=report.xml")
    result.assert_outcomes(passed=1, failed=4)
    shows(result, *SEEN, *JUDGED_AGAIN)
    for where, texts in (
        ("report.xml", ('name="testbed.seed"', 'name="testbed.outcome" value="held"')),
        ("summary.md", ("**FAIL**", "<details>")),
    ):
        told = (project.path / where).read_text()
        assert [text for text in texts if text not in told] == []
    (green,), (red,) = ((project.path / ".testbed" / "runs").glob(f"*test-{name}*.jsonl") for name in ("green", "red"))
    kinds = {json.loads(line).get("type") for line in red.read_text().splitlines()}
    assert {"run", "phase", "request", "attempt", "arrival", "fault", "evidence"} <= kinds
    for where, selected, outcomes in (
        (".testbed/runs", "green or red or swapped", {"passed": 1, "failed": 2}),
        (green, "green", {"passed": 1}),
    ):
        again = run(IMPORTS + GREEN + JUDGED, f"--testbed-replay={where}", "-k", selected)
        again.assert_outcomes(**outcomes, deselected=5 - len(selected.split(" or ")))
        shows(again, f"*replaying {where}*", *(JUDGED_AGAIN if where != green else ()))


def test_a_test_leaves_a_clean_mesh_and_the_blocks_of_an_experiment_work_alone_and_in_async_tests(run):
    run(IMPORTS + CLEAN + BLOCKS).assert_outcomes(passed=6)


def test_parameters_make_one_mesh_each_and_each_xdist_worker_its_own_with_the_same_seed(run, project):
    project.makeconftest(
        "from testbed import topology\n"
        "tiny = topology('mesh.yaml', parameters={'as written': {}, 'unmeshed': {'mesh': 'none'}})\n"
    )
    result = run(IMPORTS + GREEN, "-n", "2", "-v", "--testbed-seed=7")
    result.assert_outcomes(passed=2)
    shows(result, "*PASSED*test_green?as written?*", "*PASSED*test_green?unmeshed?*", "*--testbed-seed=7")
    assert not (project.path / ".testbed").exists()


OVERLOOKED = """
def test_a_red_report_that_nobody_looked_at(tiny):
    tiny.experiment(abort(503).on("front -> back"), **SHORT).judge(all=[statuses(200)])

def test_a_report_that_is_asserted(tiny):
    run = tiny.experiment(abort(503).on("front -> back"), **SHORT)
    assert not run.judge(all=[statuses(200)])
    assert run.judge(all=[statuses(503)])

def test_only_the_time_before_the_fault(tiny):
    run = tiny.experiment(abort(503).on("front -> back"), **SHORT)
    print(run.judge(all=[statuses(200).during("baseline")]).headline)

def test_a_fault_that_was_healed_before_the_load(tiny):
    with tiny.inject(abort(503).on("front -> back")) as fault:
        fault.heal()
        tiny.experiment(**SHORT).check(all=[statuses(200)])
"""


def test_a_red_report_that_nobody_looked_at_is_not_green_and_the_time_before_a_fault_is_not_called_contained(run):
    result = run(IMPORTS + OVERLOOKED)
    result.assert_outcomes(passed=2, failed=2)
    shows(
        result,
        "*was healed before the load began, so no request met it*",
        "*NotContained: the test never looked at this report: use run.check*",
        "*only the time before the fault: inconclusive*",
        "*why*only the time before the fault was judged*",
    )


SWALLOWED = """
def judged(tiny):
    tiny.experiment(delay(ms=1).on("front -> back"), **SHORT).check(all=[availability(at_least_percent=99)])

def test_any_assertion(tiny):
    with pytest.raises(AssertionError):
        judged(tiny)

def test_any_error(tiny):
    try:
        judged(tiny)
    except Exception:
        pass

def test_named(tiny):
    with pytest.raises(Inconclusive):
        judged(tiny)
"""


def test_an_inconclusive_verdict_that_a_test_catches_unnamed_is_not_green(run):
    result = run(IMPORTS + SWALLOWED)
    result.assert_outcomes(passed=1, failed=2)
    shows(result, "*Inconclusive: the test caught this, and does not name it: write pytest.raises(NotContained)*")


RERUN = """
tries = []

@pytest.mark.flaky(reruns=2)
def test_red_then_green(tiny):
    tries.append(1)
    run = tiny.experiment(delay(ms=1).on("front -> back"), **SHORT)
    run.check(all=[statuses(*([418] if len(tries) == 1 else [200]))])

unclear = []

@pytest.mark.flaky(reruns=2)
def test_inconclusive_then_green(tiny):
    unclear.append(1)
    run = tiny.experiment(delay(ms=1).on("front -> back"), **SHORT)
    run.check(all=[statuses(200), *([availability(at_least_percent=99)] if len(unclear) == 1 else [])])
"""


def test_a_rerun_that_ends_green_after_a_violated_claim_is_red_everywhere(run, project):
    result = run(IMPORTS + RERUN, "--junitxml=report.xml")
    result.assert_outcomes(passed=1, failed=1)
    assert result.ret == 1
    shows(result, "*red then green: violated, then held*", "*inconclusive then green: contained*")
    told = (project.path / "report.xml").read_text()
    assert 'name="testbed.outcome" value="violated, then held: statuses(418)' in told
    assert "<failure" in told
