"""An ordinary user to run Python as, with a folder and copies of the built programs of its own."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from kit.needs import need

from testbed.runtime.binaries import TOOLS
from testbed.runtime.golang import cached
from testbed.runtime.versions import cache_folder

NOBODY = 65534
NEEDED = (Path(sys.base_prefix), Path(__file__).parents[2])  # this Python, and this checkout with its .venv
PYTEST = ("-m", "pytest", "-p", "no:randomly", "-p", "no:cacheprovider", "-rs", "--basetemp=tmp")

Run = Callable[..., tuple[int, str]]
"""Runs Python with these words; returns its exit code and all that it has written."""


@contextmanager
def nobody(files: Path) -> Iterator[Run]:
    """Be an ordinary user whose home is a copy of a folder; skip the test where nobody can become one."""
    need("root", "util-linux", "mounts")
    with tempfile.TemporaryDirectory() as name, tempfile.TemporaryDirectory() as spare:  # pytest's are closed to others
        home = Path(name)
        shutil.copytree(files, home, dirs_exist_ok=True)
        _copy_programs(home / ".cache" / "testbed")
        for path in (home, *home.rglob("*")):
            os.chown(path, NOBODY, NOBODY)
        env = {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}", "HOME": name}

        def run(*words: str) -> tuple[int, str]:
            command = [*_become(Path(spare)), sys.executable, *words]
            done = subprocess.run(command, env=env, cwd=home, capture_output=True, text=True, timeout=100)
            return done.returncode, done.stdout + done.stderr

        yield run


def _copy_programs(cache: Path) -> None:
    """Copy what has been built for this checkout, and what is known of versions."""
    (cache / "bin").mkdir(parents=True)
    programs = [tool.program for tool in TOOLS.values() if tool.program]
    for built in filter(Path.exists, (*map(cached, programs), cache_folder() / "versions.json")):
        shutil.copy(built, cache / built.relative_to(cache_folder()))


def _become(spare: Path) -> list[str]:
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


def _closed(path: Path) -> Path | None:
    """Return the first folder on the way to a path that others may not enter, None if there is none."""
    return next((p for p in reversed(path.parents) if not p.stat().st_mode & 0o001), None)
