"""Commands of custom services: how their programs are found and built, and their environment."""

from __future__ import annotations

import hashlib
import os
import shutil
import signal
import subprocess
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from testbed.errors import TestbedError, Unavailable, nearest
from testbed.runtime.tools.versions import cache_folder

SHOWN = 20  # output lines of a build in an error message
_OURS = {"HTTP_PROXY", "ALL_PROXY", "NO_PROXY"}  # a service gets the proxy settings of the mesh instead


def program(word: str, folder: Path) -> str:
    """Return the path of a program on PATH, or in `folder`. A path is relative to `folder`.

    Raises `Unavailable` with the places that were searched.
    """
    if os.sep in word:
        path = folder / word
        if shutil.which(path) is None:
            raise Unavailable(f"{path} {'is not executable' if path.exists() else 'does not exist'}{_close(path)}")
        return str(path)
    found = shutil.which(word) or shutil.which(word, path=str(folder))
    if found is None:
        raise Unavailable(f"{word!r} not found on PATH or in {folder}{_close(folder / word)}")
    return os.path.abspath(found)


def _close(path: Path) -> str:
    """Return a hint with the nearest program in the same folder, or ""."""
    names = [one.name for one in path.parent.iterdir() if os.access(one, os.X_OK)] if path.parent.is_dir() else []
    hint = nearest(path.name, names)
    return hint if "did you mean" in hint else ""


def inherited() -> dict[str, str]:
    """Return the environment of the user without proxy settings and without variables of this pytest run."""
    return {
        key: value
        for key, value in os.environ.items()
        if key.upper() not in _OURS and not key.startswith(("PYTEST_", "TESTBED_", "COV_CORE_"))
    }


def build(words: Sequence[str], folder: Path) -> None:
    """Run a build command, one process at a time. Raises `TestbedError` with the last output lines if it fails."""
    from filelock import FileLock

    key = hashlib.sha256("\0".join([str(folder), *words]).encode()).hexdigest()[:12]
    (cache_folder() / "builds").mkdir(parents=True, exist_ok=True)
    with FileLock(cache_folder() / "builds" / f"{key}.lock"):
        done = subprocess.run(
            [program(words[0], folder), *words[1:]],
            cwd=folder,
            env=inherited(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
        )
    if done.returncode:
        raise TestbedError(
            f"`{' '.join(words)}` failed with exit code {done.returncode}{quoted(done.stdout.splitlines())}"
        )


def run(words: Sequence[str], folder: Path, env: Mapping[str, str], timeout_s: float) -> tuple[int, str, str]:
    """Run a command and its children to their end; return exit code, stdout and stderr.

    Raises `TimeoutError` after `timeout_s`: the whole process group is then killed. The first word is a path.
    """
    with subprocess.Popen(
        words,
        cwd=folder,
        env=env,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        errors="replace",
        start_new_session=True,
    ) as process:
        try:
            out, err = process.communicate(timeout=timeout_s)
        except subprocess.TimeoutExpired:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            raise TimeoutError(f"did not end within {timeout_s:g} s") from None
    return process.returncode, out, err


def quoted(lines: Iterable[str]) -> str:
    """Return the last lines of an output, to append to a message."""
    last = [f"\n  | {line}" for line in list(lines)[-SHOWN:]]
    return ":" + "".join(last) if last else ", without output"
