"""`testbed calibrate` and `testbed soak`, run on a user's suite with a real mesh."""

import json
import sys
from pathlib import Path

import pytest

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(500)]

BEGINNING = """
from testbed import *
SHORT = dict(load=constant_rate(get("/"), rps=50), warmup_s=0, baseline_s=0.1, hold_s=0.6, recover_s=0.1)
"""
SCENARIOS = """
import pytest

ONCE = abort(503).on("front -> back").for_attempts(1)
HARMLESS = delay(ms=1).on("front -> back")

def test_needs_its_retry(tiny):
    tiny.experiment(ONCE, **SHORT).check(all=[statuses(200)])

def test_shows_harm(tiny):
    run = tiny.experiment(ONCE, **SHORT)
    with pytest.raises(NotContained, match="attempts"):
        run.check(all=[attempts("front -> back", at_most=1)])

@pytest.mark.control("1 ms needs no policy")
def test_declared(tiny):
    tiny.experiment(HARMLESS, **SHORT).check(all=[statuses(200)])

def test_own_asserts(tiny):
    with tiny.inject(ONCE), tiny.client() as client:
        assert client.get("/").status_code == 200

def test_blocks(tiny):
    with tiny.load(constant_rate(get("/"), rps=50)) as traffic, tiny.inject(outage("back", kind="killed")) as fault:
        traffic.run(for_s=0.5, phase="down")
        fault.heal()
        traffic.run(for_s=0.5, phase="healed")
    traffic.result().check(touched=[statuses(503).during("down")], all=[statuses(200).during("healed")])
    tiny.experiment(ONCE, **SHORT).check(touched=[statuses(200)])

def test_of_no_mesh():
    pass
"""
BLIND = """
def test_blind(tiny):
    tiny.experiment(delay(ms=1).on("front -> back"), **SHORT).check(all=[statuses(200)])

def test_never_holds(tiny):
    tiny.experiment(delay(ms=1).on("front -> back"), **SHORT).check(all=[statuses(418)])

def test_unmeshed(unmeshed):
    unmeshed.experiment(delay(ms=1).on("front -> back"), **SHORT).check(all=[statuses(200)])
"""
FLIPPING = """
from pathlib import Path

def test_flips(tiny):
    again = Path("ran").exists()
    Path("ran").touch()
    fault = abort(503) if again else delay(ms=1)
    tiny.experiment(fault.on("front -> back"), **SHORT).check(all=[statuses(200)])

def test_stays(tiny):
    tiny.experiment(delay(ms=1).on("front -> back"), **SHORT).check(all=[statuses(200)])
"""


@pytest.fixture
def testbed(project):
    """Write one test file and run the command line on it."""
    project.makeconftest(
        "from testbed import topology\ntiny = topology('mesh.yaml')\nunmeshed = topology('mesh.yaml', mesh='none')\n"
    )

    def testbed(source, command, *args):
        project.makepyfile(test_it=BEGINNING + source)
        return project.run(Path(sys.executable).with_name("testbed"), command, *args, timeout=450)

    return testbed


def kinds_of(path):
    data = json.loads(path.read_text())
    return {one["test"].partition("::test_")[2]: one["kind"] for one in data["scenarios"]}


def test_a_scenario_that_cannot_tell_the_difference_is_named(testbed, project):
    result = testbed(SCENARIOS + BLIND, "calibrate", "-n", "2", "--json", "out.json")
    assert kinds_of(project.path / "out.json") == {
        "needs_its_retry": "tells",
        "shows_harm": "tells",
        "declared": "control",
        "own_asserts": "tells",
        "blocks": "tells",
        "blind": "blind",
        "never_holds": "fails",
        "unmeshed": "apart",
    }
    assert result.ret == 1
    result.stderr.fnmatch_lines(["without the fault: pytest -n 2 --testbed-seed=*", "*9/9 *"])
    result.stdout.fnmatch_lines(
        ["*PASS without its policies: statuses 200*", "*unmeshed: not applicable*", "*mesh: none has no*"]
    )
    kept = {path.parent.name for path in (project.path / ".testbed" / "calibrate").glob("*/*.jsonl")}
    assert kept == {"as-written", "without-the-fault", "without-its-policies"}
    assert not (project.path / ".testbed" / "runs").exists()


def test_a_suite_that_is_sensitive_to_its_policies_is_calibrated(testbed, project):
    result = testbed(SCENARIOS, "calibrate", "-k", "needs", "--json", "out.json")
    assert kinds_of(project.path / "out.json") == {"needs_its_retry": "tells"}
    assert result.ret == 0


def test_a_selection_that_pytest_cannot_run_is_one_message(testbed):
    result = testbed(BLIND, "calibrate", "no_such_file.py")
    assert result.ret == 2
    result.stderr.fnmatch_lines(["*as written*did not complete*", "*file or directory not found*"])


def test_a_mark_without_a_reason_is_refused(run):
    result = run("import pytest\n@pytest.mark.control\ndef test_it(): pass\n")
    assert result.ret == 4
    result.stderr.fnmatch_lines(["*write @pytest.mark.control('why no policy matters')*"])


def test_a_verdict_that_changes_fails_a_soak_and_keeps_both_histories(testbed, project):
    result = testbed(FLIPPING, "soak", "--strict", "--times", "2")
    assert result.ret == 1
    result.stdout.fnmatch_lines(
        [
            "round 1 of 2: 2 tests (0 failed), 2 verdicts, 0 changed*",
            "round 2 of 2: 2 tests (1 failed), 2 verdicts, 1 changed*",
            "*CHANGED test_it.py::test_flips*",
            "*first: PASS*",
            "*now: *FAIL*",
            "2 rounds: 4 verdicts, 1 changed; 1 tests failed.*",
        ]
    )
    kept = sorted(f"{path.parent.name} {path.stem[:18]}" for path in project.path.glob(".testbed/soak/*/*.jsonl"))
    assert kept == ["round-1 test-it-py-test-fl", "round-1 test-it-py-test-st", "round-2 test-it-py-test-fl"]


def test_verdicts_that_stay_pass_a_soak(testbed):
    result = testbed(FLIPPING, "soak", "--strict", "--times", "2", "-k", "stays")
    assert result.ret == 0
    result.stdout.fnmatch_lines(["2 rounds: 2 verdicts, 0 changed; 0 tests failed.*"])
