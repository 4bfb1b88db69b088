"""Whatever ends pytest, nothing of ours outlives it for long."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.kit.processes import eventually

GONE_S = 30.0  # two seconds where nothing else runs

SLEEPS = """
import time
from pathlib import Path
from testbed import cpu_limit, crash_loop, flapping, pause

def test_it(tiny):
    {block}
        Path("up").touch()
        time.sleep(60)
"""
BLOCKS = {
    "idle": "if True:",
    "stopped nearly all of the time": "with tiny.inject(cpu_limit(share=0.01).on(service='back')):",
    "between the deaths of a crash loop": "with tiny.inject(crash_loop(up_s=0.05, down_s=0.05).on(service='back')):",
    "while a fault flaps": "with tiny.inject(flapping(pause().on(service='back'), up_s=0.02, down_s=0.02)):",
}


@pytest.mark.e2e
@pytest.mark.parametrize("block", BLOCKS.values(), ids=BLOCKS)
def test_nothing_outlives_a_killed_pytest(project, block):
    project.makepyfile(SLEEPS.format(block=block))
    child = subprocess.Popen([sys.executable, "-m", "pytest", "-q"], stdout=subprocess.DEVNULL)
    eventually((project.path / "up").exists, within_s=60)
    folders = _folders_of(child.pid)
    assert folders
    child.kill()
    child.wait()
    eventually(lambda: not [p for f in folders for p in _users_of(f)], within_s=GONE_S)


def _folders_of(pid):
    """The run folders that the descendants of a process name in their command lines."""
    found = set()
    for entry in filter(str.isdigit, os.listdir("/proc")):
        words = _words(entry)
        found |= {
            w.partition("/testbed-")[2].split("/")[0] for w in words if "/testbed-" in w and _ancestor(entry, pid)
        }
    return {f"testbed-{name}" for name in found if name}


def _ancestor(entry, pid):
    while entry not in ("0", ""):
        if int(entry) == pid:
            return True
        try:
            entry = Path(f"/proc/{entry}/stat").read_text().rpartition(")")[2].split()[1]
        except OSError:
            return False
    return False


def _users_of(folder):
    return [
        entry for entry in filter(str.isdigit, os.listdir("/proc")) if any(folder in word for word in _words(entry))
    ]


def _words(entry):
    try:
        return Path(f"/proc/{entry}/cmdline").read_text().split("\0")
    except OSError:
        return []
