"""Packet faults as a user meets them: without root in a sandbox, skipped with the reason where nothing allows them."""

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

pytestmark = pytest.mark.e2e

TEST = """
from testbed import *

def test_lossy(tiny):
    lossy = packet_loss(percent=10).on("front -> back")
    load = steady(get("/"), rps=50)
    run = tiny.experiment(lossy, load=load, warmup_s=0.2, baseline_s=0.3, hold_s=2, recover_s=0.3)
    assert run.history.index.faults[0].packets > 0
    run.check(all=[only_statuses(200, 503, 504)])
"""
NOBODY = 65534
NEEDED = (Path(sys.base_prefix), Path(__file__).parents[2])  # this Python, and this checkout with its .venv


@pytest.fixture
def as_nobody(project):
    """Run Python as an ordinary user, who has a project, and copies of the built programs, of its own."""
    if os.geteuid() != 0 or not shutil.which("setpriv"):
        pytest.skip("only root can become somebody else here (setpriv)")
    with tempfile.TemporaryDirectory() as name, tempfile.TemporaryDirectory() as spare:  # pytest's are closed to others
        home = Path(name)
        shutil.copytree(project.path, home, dirs_exist_ok=True)
        shutil.copytree(Path(os.environ["XDG_CACHE_HOME"]) / "testbed", home / ".cache" / "testbed")
        (home / "test_lossy.py").write_text(TEST)
        for path in (home, *home.rglob("*")):
            os.chown(path, NOBODY, NOBODY)
        env = {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}", "HOME": name}

        def run(*words):
            done = subprocess.run(
                [*_become(Path(spare)), sys.executable, *words],
                env=env, cwd=home, capture_output=True, text=True, timeout=100,
            )  # fmt: skip
            return done.returncode, done.stdout + done.stderr

        yield run


def _become(spare):
    """Return the command that becomes nobody, in mounts of its own where nobody can get at what it needs.

    A Python or a checkout below a closed folder (such as root's home) is mounted again, over an empty folder.
    """
    steps = []
    for number, (closed, needed) in enumerate((closed, path) for path in NEEDED if (closed := _closed(path))):
        kept = spare / str(number)
        steps.append(f"mkdir -p {kept} && mount --rbind {needed} {kept}")
        steps.append(f"mountpoint -q {closed} || mount -t tmpfs -o mode=755 none {closed}")
        steps.append(f"mkdir -p {needed} && mount --rbind {kept} {needed}")
    user = f"setpriv --reuid={NOBODY} --regid={NOBODY} --clear-groups"
    return ["unshare", "--mount", "sh", "-c", " && ".join([*steps, f'exec {user} "$@"']), "sh"]


def _closed(path):
    """Return the first folder on the way to a path that others may not enter, None if there is none."""
    return next((p for p in reversed(path.parents) if not p.stat().st_mode & 0o001), None)


PYTEST = ("-m", "pytest", "-p", "no:randomly", "-p", "no:cacheprovider", "-rs", "--basetemp=tmp")


def test_an_ordinary_user_loses_packets_in_a_sandbox(as_nobody):
    code, said = as_nobody("-m", "testbed", "sandbox", "--", sys.executable, *PYTEST)
    assert "1 passed" in said, said
    assert code == 0
    assert "approximate" not in said


def test_outside_it_the_test_is_skipped_with_the_reason(as_nobody):
    code, said = as_nobody(*PYTEST)
    assert "1 skipped" in said, said
    assert "cannot drop packets" in said
    assert "testbed sandbox -- pytest" in said
    assert code == 0


def test_shaped_packets_need_a_sandbox_or_say_so(run):
    result = run(
        """
from testbed import *

def test_shaped(tiny):
    load = steady(get("/"), rps=50)
    run = tiny.experiment(corrupt(percent=5).on("front -> back"), load=load, hold_s=1)
    run.check(all=[only_statuses(200)])
""",
        "-rs",
    )
    result.assert_outcomes(skipped=1)
    result.stdout.fnmatch_lines(["*SKIPPED*needs one of its own*testbed sandbox*"])


def test_in_a_sandbox_it_works_or_the_kernel_is_named(project):
    project.makepyfile("""
from testbed import *

def test_shaped(tiny):
    load = steady(get("/"), rps=50)
    shaped = corrupt(percent=5).on("front -> back")
    run = tiny.experiment(shaped, load=load, warmup_s=0.2, baseline_s=0.3, hold_s=2, recover_s=0.3)
    assert run.history.index.faults[0].packets > 0
    run.check(all=[only_statuses(200, 503, 504)])
""")
    command = [sys.executable, "-m", "testbed", "sandbox", "--", sys.executable, *PYTEST]
    done = subprocess.run(command, cwd=project.path, capture_output=True, text=True, timeout=100)
    assert "1 passed" in done.stdout or "this kernel has no netem" in done.stdout, done.stdout + done.stderr


def test_a_sandbox_that_is_asked_for_nothing_sensible_says_so(project):
    command = [sys.executable, "-m", "testbed", "sandbox", "--", "nonsuch-program"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (2, "cannot run 'nonsuch-program': No such file or directory\n")
