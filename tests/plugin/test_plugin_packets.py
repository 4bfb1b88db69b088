"""Packet faults as a user meets them: without root in a sandbox, skipped with the reason where nothing allows them."""

import subprocess
import sys

import pytest

from tests.kit.nobody import PYTEST, need_networks, nobody

pytestmark = pytest.mark.e2e

TEST = """
from testbed import *

def test_lossy(tiny):
    lossy = packet_loss(percent=10).on("front -> back")
    load = constant_rate(get("/"), rps=50)
    run = tiny.experiment(lossy, load=load, warmup_s=0.2, baseline_s=0.3, hold_s=2, recover_s=0.3)
    assert run.history.index.faults[0].packets > 0
    run.check(all=[statuses(200, 503, 504)])
"""


@pytest.fixture
def as_nobody(project):
    """Run Python as an ordinary user, who has a project."""
    (project.path / "test_lossy.py").write_text(TEST)
    with nobody(project.path) as run:
        yield run


@pytest.mark.needs("nft", "iproute2")
def test_an_ordinary_user_loses_packets_in_a_sandbox(as_nobody):
    need_networks(as_nobody)
    code, said = as_nobody("-m", "testbed", "sandbox", "--", sys.executable, *PYTEST)
    assert "1 passed" in said, said
    assert code == 0
    assert "approximate" not in said


@pytest.mark.needs("nft")
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
    load = constant_rate(get("/"), rps=50)
    run = tiny.experiment(packet_corrupt(percent=5).on("front -> back"), load=load, hold_s=1)
    run.check(all=[statuses(200)])
""",
        "-rs",
    )
    result.assert_outcomes(skipped=1)
    result.stdout.fnmatch_lines(["*SKIPPED*needs a separate one*testbed sandbox*"])


@pytest.mark.needs("iproute2", "util-linux", "networks")
def test_in_a_sandbox_it_works_or_the_kernel_is_named(project):
    project.makepyfile("""
from testbed import *

def test_shaped(tiny):
    load = constant_rate(get("/"), rps=50)
    shaped = packet_corrupt(percent=5).on("front -> back")
    run = tiny.experiment(shaped, load=load, warmup_s=0.2, baseline_s=0.3, hold_s=2, recover_s=0.3)
    assert run.history.index.faults[0].packets > 0
    run.check(all=[statuses(200, 503, 504)])
""")
    command = [sys.executable, "-m", "testbed", "sandbox", "--", sys.executable, *PYTEST]
    done = subprocess.run(command, cwd=project.path, capture_output=True, text=True, timeout=100)
    assert "1 passed" in done.stdout or "this kernel has no netem" in done.stdout, done.stdout + done.stderr


@pytest.mark.needs("iproute2", "networks")
def test_a_sandbox_that_is_asked_for_nothing_sensible_says_so(project):
    command = [sys.executable, "-m", "testbed", "sandbox", "--", "nonsuch-program"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (2, "cannot run 'nonsuch-program': No such file or directory\n")
