"""An ordinary user to run Python as, with a folder and copies of the built programs of its own."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from testbed.runtime.tools.binaries import TOOLS
from testbed.runtime.tools.digests import record_of
from testbed.runtime.tools.golang import cached
from testbed.runtime.tools.versions import cache_folder
from tests.kit import ROOT
from tests.kit.bare import environment, hiding
from tests.kit.needs import need, skip

NOBODY = 65534
CHECKOUT = ROOT  # with its .venv
NEEDED = (Path(sys.base_prefix), CHECKOUT)
PYTEST = ("-m", "pytest", "-p", "no:randomly", "-p", "no:cacheprovider", "-rs", "--basetemp=tmp")

Run = Callable[..., tuple[int, str]]
"""Runs Python with these words; returns its exit code and all that it has written."""

BECOMES = """
import os, sys
user = int(sys.argv[1])
if user:
    os.setgroups([])
    os.setgid(user)
    os.setuid(user)
os.execvp(sys.argv[2], sys.argv[2:])
"""


@contextmanager
def nobody(files: Path, *, user: int = NOBODY, hide: Collection[str] = (), within_s: float = 100) -> Iterator[Run]:
    """Be an ordinary user whose home is a copy of a folder; skip the test where nobody can become one.

    Or be another `user`, and do without some of the optional tools.
    """
    need("root", "util-linux", "mounts")
    with tempfile.TemporaryDirectory() as name, tempfile.TemporaryDirectory() as spare:  # pytest's are closed to others
        home = Path(name)
        shutil.copytree(files, home, dirs_exist_ok=True)
        _copy_programs(home / ".cache" / "testbed")
        for path in (home, *home.rglob("*")):
            os.chown(path, user, user)
        path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
        env = {"PATH": path, "HOME": name, "PYTHONPATH": str(CHECKOUT), **environment(hide)}
        become = becoming(user, [*opening(Path(spare)), *hiding(hide, Path(spare))])

        def run(*words: str) -> tuple[int, str]:
            command = [*become, sys.executable, *words]
            done = subprocess.run(command, env=env, cwd=home, capture_output=True, text=True, timeout=within_s)
            return done.returncode, done.stdout + done.stderr

        yield run


def need_networks(run: Run) -> None:
    """Skip the test where that user may make no network."""
    _, said = run("-c", "from testbed.runtime.process.netns import why_not; print(why_not(), end='')")
    if said:
        skip("networks", said)


def _copy_programs(cache: Path) -> None:
    """Copy what has been built for this checkout, and what is known of versions."""
    (cache / "bin").mkdir(parents=True)
    programs = [cached(tool.program) for tool in TOOLS.values() if tool.program]
    records = map(record_of, programs)  # without them each program is built again
    for built in filter(Path.exists, (*programs, *records, cache_folder() / "versions.json")):
        shutil.copy(built, cache / built.relative_to(cache_folder()))


def becoming(user: int, steps: Sequence[str]) -> list[str]:
    """Return the command that becomes a user, in mounts of its own after some steps as root."""
    becomes = shlex.join([sys.executable, "-c", BECOMES, str(user)])
    return ["unshare", "--mount", "sh", "-e", "-c", "\n".join([*steps, f'exec {becomes} "$@"']), "sh"]


def opening(spare: Path, more: Sequence[Path] = ()) -> list[str]:
    """Return the steps after which nobody can get at what it needs, and at more.

    A Python or a checkout below a closed folder (such as root's home) is mounted again, over an empty folder.
    """
    paths = dict.fromkeys([*NEEDED, *more])
    hidden = [(closed, path, spare / str(number)) for number, path in enumerate(paths) if (closed := _closed(path))]
    kept = [f"mkdir -p {keeps} && mount --rbind {path} {keeps}" for _, path, keeps in hidden]
    empty = [f"mount -t tmpfs -o mode=755 none {closed}" for closed in {closed: None for closed, _, _ in hidden}]
    return [*kept, *empty, *(f"mkdir -p {path} && mount --rbind {keeps} {path}" for _, path, keeps in hidden)]


def _closed(path: Path) -> Path | None:
    """Return the first folder on the way to a path that others may not enter, None if there is none."""
    return next((p for p in reversed(path.parents) if not p.stat().st_mode & 0o001), None)
