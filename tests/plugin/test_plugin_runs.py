"""What a user sees of the plugin: verdicts, summaries, kept histories, replays."""

import json

import pytest

pytestmark = pytest.mark.e2e

SHORT = "load=steady(get('/'), rps=50), warmup_s=0.1, baseline_s=0.3, hold_s=1, recover_s=0.5"
IMPORTS = "from testbed import *\nimport pytest\n"

GREEN = f"""{IMPORTS}
def test_green(tiny):
    tiny.experiment(latency(ms=20).on("front -> back"), {SHORT}).check(all=[only_statuses(200), slowest(under_ms=2000)])
"""
RED = f"""{IMPORTS}
def test_red(tiny):
    tiny.experiment(abort(503).on("front -> back"), {SHORT}).check(all=[only_statuses(200)])
"""


def test_a_contained_failure_passes_and_the_summary_and_junit_say_what_held(run, project):
    result = run(GREEN, "--junitxml=report.xml")
    result.assert_outcomes(passed=1)
    result.stdout.fnmatch_lines(
        ["*testbed: what was broken, and what contained it*", "*held*only_statuses*200 x 50*", "*--testbed-seed=*"]
    )
    text = (project.path / "report.xml").read_text()
    assert 'name="testbed.seed"' in text
    assert 'name="testbed.outcome" value="held"' in text
    assert not (project.path / ".testbed").exists()


def test_a_failure_that_is_not_contained_fails_with_a_table_and_is_judged_again_without_a_mesh(
    run, project, monkeypatch
):
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(project.path / "summary.md"))
    result = run(RED)
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        ["*NotContained*", "*violated*all, hold*", "*policy*timeout: 500ms*", "*judge it again*"]
    )
    text = (project.path / "summary.md").read_text()
    assert "**violated**" in text
    assert "<details>" in text
    (kept,) = (project.path / ".testbed" / "runs").glob("*.jsonl")
    kinds = {json.loads(line).get("type") for line in kept.read_text().splitlines()}
    assert {"run", "phase", "request", "attempt", "arrival", "fault", "evidence"} <= kinds
    again = run(RED, "--testbed-replay=.testbed/runs")
    again.assert_outcomes(failed=1)
    again.stdout.fnmatch_lines(["*replaying .testbed/runs*", "*violated*only_statuses*503 x 50*"])


def test_a_green_history_is_kept_on_request_and_judged_again_from_its_folder_and_by_itself(run, project):
    run(GREEN, "--testbed-keep").assert_outcomes(passed=1)
    (kept,) = (project.path / ".testbed" / "runs").glob("*.jsonl")
    for where in (".testbed/runs", kept):
        again = run(GREEN, f"--testbed-replay={where}")
        again.assert_outcomes(passed=1)
        again.stdout.fnmatch_lines([f"*replaying {where}*"])


def test_what_proves_nothing_is_inconclusive(run):
    result = run(f"""{IMPORTS}
def test_load_without_a_check(tiny):
    tiny.experiment({SHORT})

def test_a_fault_that_touches_nothing(tiny):
    tiny.experiment(abort(503).on("front -> back").for_users("nobody"), {SHORT}).check(all=[only_statuses(200)])
""")
    result.assert_outcomes(failed=2)
    result.stdout.fnmatch_lines(
        ["*Inconclusive: load without any check*", "*Inconclusive*", "*why*the fault f1*touched*"]
    )


def test_a_test_leaves_a_clean_mesh_whatever_it_did(run):
    result = run(f"""{IMPORTS}
def test_leaves_a_fault_behind(tiny):
    tiny.inject(refused().on("front -> back"))
    tiny.inject(kill().on(replica="front-1"))

def test_finds_nothing_of_it(tiny):
    with tiny.client() as client:
        assert [client.get("/").status_code for _ in range(5)] == [200] * 5

def test_leaves_a_policy_behind(tiny):
    tiny.policies({{"front -> back": None}})

def test_finds_the_policy_as_written(tiny):
    assert tiny.topology.policy("front -> back").timeout == 500
""")
    result.assert_outcomes(passed=4)


def test_the_blocks_of_an_experiment_can_be_used_one_by_one(run):
    result = run(f"""{IMPORTS}
def test_timeline(tiny):
    with tiny.load(steady(get("/"), rps=50)) as traffic, tiny.inject(outage("back", kind="refused")) as fault:
        traffic.run(for_s=0.5, phase="down")
        fault.heal()
        traffic.run(for_s=1, phase="healed")
    traffic.result().check(all=[only_statuses(503).during("down"), availability(at_least_percent=90).during("healed")])
""")
    result.assert_outcomes(passed=1)


def test_it_works_from_async_tests(run):
    result = run(f"""{IMPORTS}
@pytest.mark.anyio
async def test_async(tiny):
    async with tiny.async_client(user="u1") as client:
        with tiny.inject(abort(503).on("front -> back")):
            assert (await client.get("/")).status_code == 503
        assert (await client.get("/")).status_code == 200
    tiny.experiment({SHORT}).check(all=[only_statuses(200)])

@pytest.fixture
def anyio_backend():
    return "asyncio"
""")
    result.assert_outcomes(passed=1)


def test_parameters_make_one_mesh_each(run, project):
    project.makeconftest(
        "from testbed import topology\n"
        "tiny = topology('mesh.yaml', parameters={'as written': {}, 'unmeshed': {'mesh': 'none'}})\n"
    )
    result = run(GREEN, "-v")
    result.assert_outcomes(passed=2)
    result.stdout.fnmatch_lines(["*test_green?as written? PASSED*", "*test_green?unmeshed? PASSED*"])


def test_each_xdist_worker_has_its_own_mesh_and_the_same_seed(run):
    source = GREEN + GREEN.replace("test_green", "test_green_too").removeprefix(IMPORTS)
    result = run(source, "-n", "2", "--testbed-seed=7")
    result.assert_outcomes(passed=2)
    result.stdout.fnmatch_lines(["*--testbed-seed=7"])


SWAPPED = f"""{IMPORTS}
def test_swapped(tiny):
    with tiny.load(steady(get("/"), rps=50)) as traffic, tiny.inject(delay(ms=300).on("front -> back")):
        traffic.run(for_s=0.5, phase="patient")
        with tiny.policies({{"front -> back": {{"timeout": "100ms"}}}}):
            traffic.run(for_s=0.5, phase="hasty")
    traffic.result().check(all=[only_statuses(200).during("patient"), only_statuses(200).during("hasty")])
"""


def test_a_verdict_about_swapped_policies_names_the_ones_in_force_also_when_judged_again(run, project):
    for arguments in ((), ("--testbed-replay=.testbed/runs",)):
        result = run(SWAPPED, *arguments)
        result.assert_outcomes(failed=1)
        result.stdout.fnmatch_lines(["*violated*hasty*", "*policy*{timeout: 100ms}*"])
