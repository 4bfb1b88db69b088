"""A folder, a disk or a step summary that cannot be written costs a line of warning, never a verdict or the session."""

from __future__ import annotations

import pytest

from testbed.history.folder import output_folder

pytestmark = pytest.mark.e2e

SUITE = """
from testbed import *

SHORT = dict(load=constant_rate(get("/"), rps=150), warmup_s=0.1, baseline_s=0.3, hold_s=0.5, recover_s=0)

def test_red(tiny):
    tiny.experiment(abort(503).on("front -> back"), **SHORT).check(all=[statuses(200)])

def test_green(tiny):
    tiny.experiment(**SHORT).check(all=[statuses(200)])
"""


def test_a_run_without_a_place_for_its_output_is_judged(run, project, monkeypatch):
    """`.testbed` is a file, and the step summary is a folder."""
    (project.path / ".testbed").write_text("")
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(project.path))
    result = run(SUITE, "--testbed-keep")
    result.assert_outcomes(passed=1, failed=1)
    result.stdout.fnmatch_lines(
        [
            "*warning: the logs of meshes are not kept: cannot write into *.testbed: File exists",
            "*warning: the recorded run is not saved: cannot write into *.testbed: File exists",
            "*warning: no step summary: cannot write *: Is a directory",
        ]
    )


def test_a_full_disk_loses_the_history_only(run, project):
    """The parent process limits the size of files, as a full disk does."""
    project.makeconftest(
        "import resource\nfrom testbed import topology\ntiny = topology('mesh.yaml')\n"
        "def pytest_runtest_makereport():\n"
        "    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, resource.RLIM_INFINITY))\n"
        "def pytest_sessionstart():\n"
        "    import signal\n"
        "    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
    )
    result = run(SUITE, "-k", "red", "--testbed-keep")
    result.assert_outcomes(failed=1, deselected=1)
    result.stdout.fnmatch_lines(["*warning: the recorded run is not saved: cannot write the history *: File too large"])
    assert list((project.path / ".testbed/runs").iterdir()) == []


def test_the_folder_is_private_and_ignored_by_git(tmp_path):
    folder = output_folder(tmp_path)
    assert folder.stat().st_mode & 0o777 == 0o700
    assert (folder / ".gitignore").read_text() == "*\n"
    folder.chmod(0o755)
    assert output_folder(tmp_path).stat().st_mode & 0o777 == 0o700
