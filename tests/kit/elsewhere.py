"""Somebody else's repository and machine: an empty home, a Python, and Testbed from one of its sources."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.kit import ROOT
from tests.kit.nobody import becoming, opening

INSTALL = ("install", "-q", "--disable-pip-version-check", "--no-compile")  # all of scipy would be, for one run
MINORS = range(11, 15)  # of the Pythons that Testbed is for
OUR_OWN = ("PYTHON", "PYTEST", "VIRTUAL_ENV", "TESTBED", "COV_", "XDG_", "GOCACHE", "GOMODCACHE", "HOME")

FRONT = """
import os
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.error import HTTPError
from urllib.request import urlopen

class Front(BaseHTTPRequestHandler):
    def do_GET(self):
        try:
            status = urlopen(os.environ["PRICE_URL"]).status
        except HTTPError as error:
            status = error.code
        self.send_response(status)
        self.end_headers()

ThreadingHTTPServer(("127.0.0.1", int(os.environ["PORT"])), Front).serve_forever()
"""
REPOSITORY = {
    "README.md": "# Somebody's shop\n",
    "conftest.py": "import faults\nimport stubs\nimport topologies\n",  # names that are also folders of the testbed
    "faults.py": "",
    "stubs/__init__.py": "",
    "topologies/__init__.py": "",
    "pyproject.toml": '[project]\nname = "shop"\nversion = "1"\n\n[tool.pytest.ini_options]\ntestpaths = ["tests"]\n',
    "tests/test_prices.py": "def test_prices():\n    assert 2 + 2 == 4\n",
    "front.py": FRONT,
}


def ran(*words: str | Path, cwd: Path, env: dict[str, str] | None = None) -> str:
    """Run a command, which must succeed, and return all that it says."""
    env = env or {key: value for key, value in os.environ.items() if not key.startswith(OUR_OWN[:-1])}
    done = subprocess.run(list(map(str, words)), cwd=cwd, env=env, capture_output=True, text=True, timeout=800)
    assert done.returncode == 0, f"{' '.join(map(str, words))}\n{done.stdout}{done.stderr}"
    return done.stdout + done.stderr


@dataclass(frozen=True)
class Sources:
    """All that one can install from: a checkout, which is a git repository as well, a wheel and an sdist."""

    checkout: Path
    wheel: Path
    sdist: Path

    def words(self, source: str) -> list[str]:
        """Return what `pip install` is told."""
        if source == "git":
            return [f"git+file://{self.checkout}"]
        return ["-e", str(self.checkout)] if source == "editable" else [str(getattr(self, source))]


def make_sources(folder: Path) -> Sources:
    """Copy this checkout as it is on the disk, commit that, and build from it."""
    checkout = folder / "testbed"
    listed = ran("git", "ls-files", "-co", "--exclude-standard", "-z", cwd=ROOT).split("\0")
    for name in filter(None, listed):
        if (ROOT / name).is_file() or (ROOT / name).is_symlink():
            (checkout / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, checkout / name, follow_symlinks=False)
    commit(checkout)
    for kind in ("wheel", "sdist"):
        ran(sys.executable, "-m", "hatchling", "build", "-t", kind, "-d", folder / "dist", cwd=checkout)
    (wheel,), (sdist,) = (folder / "dist").glob("*.whl"), (folder / "dist").glob("*.tar.gz")
    return Sources(checkout, wheel, sdist)


def commit(folder: Path) -> None:
    """Make a folder a repository with one commit."""
    git = ("git", "-c", "user.name=somebody", "-c", "user.email=somebody@example.org")
    for words in (("init", "-q"), ("add", "-A"), ("commit", "-qm", "all there is")):
        ran(*git, *words, cwd=folder)


class Machine:
    """A user with an empty home and a small repository; `env` says whatever else of a machine matters."""

    def __init__(self, home: Path, env: dict[str, str], become: Sequence[str] = ()) -> None:
        self._become = become
        self.repository = home / "shop"
        self.bin = home / "env/bin"
        kept = {key: value for key, value in os.environ.items() if not key.startswith(OUR_OWN)}
        path = f"{self.bin}:{env.get('PATH', os.environ['PATH'])}"
        self._env = {**kept, **env, "HOME": str(home), "PATH": path}
        for name, text in REPOSITORY.items():
            (self.repository / name).parent.mkdir(parents=True, exist_ok=True)
            (self.repository / name).write_text(text)
        commit(self.repository)

    def install(self, python: Path, *words: str | Path) -> None:
        """Install into an environment of the user's own, with all that is needed."""
        self.run(python, "-m", "venv", self.bin.parent)
        self.run(self.bin / "python", "-m", "pip", *INSTALL, *words)

    def install_with_our_pip(self, python: Path, *words: str | Path) -> None:
        """Do the same in less time."""
        self.run(python, "-m", "venv", "--without-pip", self.bin.parent)
        self.run(sys.executable, "-m", "pip", "--python", self.bin / "python", *INSTALL, *words)

    def run(self, *words: str | Path) -> str:
        """Run a command in the user's repository, as that user."""
        return ran(*self._become, *words, cwd=self.repository, env=self._env)


@contextmanager
def machine(python: Path, env: dict[str, str], uid: int = 0) -> Iterator[Machine]:
    """Be a user, who is ourselves unless another is asked for."""
    with TemporaryDirectory() as home, TemporaryDirectory() as spare:  # pytest's are closed to others
        become = becoming(uid, opening(Path(spare), [python.parents[1]])) if uid else ()
        one = Machine(Path(home), env, become)
        give(Path(home), uid or os.geteuid())
        yield one


def works(one: Machine) -> None:
    """Do what a newcomer does: set up, write a first scenario, run it beside the tests that are there."""
    assert "ready: all binaries are installed" in one.run("testbed", "setup")
    said = one.run("testbed", "init", "--entry", "web", "--command", "", "--calls", "pricing")
    assert "Next: pytest tests/resilience" in said
    assert "2 passed" in _while_not_saturated(lambda: one.run("pytest"))
    assert not list(one.repository.glob("*.egg-info"))


def _while_not_saturated(run: Callable[[], str], times: int = 3) -> str:
    """Run again what says that this machine was too busy for a verdict."""
    for _ in range(times - 1):
        try:
            return run()
        except AssertionError as problem:
            if "the testbed was saturated" not in str(problem):
                raise
    return run()


def give(folder: Path, uid: int) -> None:
    """Make a user the owner of a folder and of all that is in it."""
    for path in (folder, *folder.rglob("*")):
        os.chown(path, uid, uid, follow_symlinks=False)


def pythons() -> dict[str, Path]:
    """Return the Pythons of this machine that can make an environment, by version: on PATH and of pyenv."""
    found: dict[str, Path] = {}
    for minor in MINORS:
        of_pyenv = sorted(Path.home().glob(f".pyenv/versions/3.{minor}.*/bin/python3.{minor}"))
        for path in (*of_pyenv, *filter(None, [shutil.which(f"python3.{minor}")])):
            test = [path, "-c", "import ensurepip, platform; print(platform.python_version())"]
            done = subprocess.run(test, capture_output=True, text=True)
            if done.returncode == 0:
                found.setdefault(done.stdout.strip(), Path(path))
    return found
