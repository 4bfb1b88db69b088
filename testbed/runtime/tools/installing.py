"""Installs the missing tools of tools.toml: Debian packages as root, then the base image of containers."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path

from testbed.errors import TestbedError
from testbed.runtime.tools.inventory import Extra, extras, missing

CHECKOUT = Path(__file__).parents[3]
QUIET = {"DEBIAN_FRONTEND": "noninteractive"}
OnProgress = Callable[[str], None]


def lines() -> list[str]:
    """Return lines with the missing tools, what needs them, and the command to install them."""
    lacking = _lacking()
    if not lacking:
        return ["all tools are installed"]
    found = [f"missing: {extra}, needed for {extra.without}{_why(extra)}" for extra in _roots(lacking)]
    how = command(lacking)
    return [*found, f"to install them: {how}"] if how else found


def command(lacking: Sequence[Extra]) -> str:
    """Return the command that installs these tools as this user; "" if there is none."""
    steps = [_by_hand(lacking)] if _packages(lacking) else []
    steps += ["testbed images build"] if _buildable(lacking) else []
    if steps and os.geteuid() == 0 and _has_apt():
        return "make tools" if (CHECKOUT / "Makefile").is_file() else "testbed tools --install"
    return " && ".join(steps)


def install(say: OnProgress, build_image: Callable[[OnProgress], object]) -> None:
    """Install the missing tools. Raises `TestbedError` if this user may not, or if it fails."""
    lacking = _lacking()
    packages = _packages(lacking)
    if packages and (os.geteuid() != 0 or not _has_apt()):
        raise TestbedError(_by_hand(lacking))
    if packages:
        say(f"installing {', '.join(packages)}")
        _apt("update", "-qq")
        _apt("install", "-y", "-qq", *packages)
    still = _lacking()
    if failed := [str(extra) for extra in still if extra.debian]:
        raise TestbedError(f"the packages are installed, but these tools are still missing: {', '.join(failed)}")
    if _buildable(still):
        build_image(say)


def _lacking() -> list[Extra]:
    return [extras()[name] for name in missing()]


def _roots(lacking: Sequence[Extra]) -> list[Extra]:
    """Return the tools without those that depend on another missing tool."""
    return [extra for extra in lacking if not extra.after or extras()[extra.after] not in lacking]


def _packages(lacking: Sequence[Extra]) -> list[str]:
    return [extra.debian for extra in lacking if extra.debian]


def _buildable(lacking: Sequence[Extra]) -> bool:
    return extras()["image"] in _roots(lacking)


def _why(extra: Extra) -> str:
    """Return the reason for a missing tool that no command installs, or ""."""
    return "" if command([extra]) else f" ({extra.missing()})"


def _has_apt() -> bool:
    return shutil.which("apt-get") is not None


def _by_hand(lacking: Sequence[Extra]) -> str:
    if _has_apt():
        return f"sudo apt-get install -y {shlex.join(_packages(lacking))}"
    names = [name for extra in lacking if extra.debian for name in extra.programs or (extra.name,)]
    return f"install these with the package manager of this system: {', '.join(names)}"


def _apt(*words: str) -> None:
    done = subprocess.run(["apt-get", *words], env={**os.environ, **QUIET}, capture_output=True, text=True)
    if done.returncode != 0:
        said = "\n".join((done.stdout + done.stderr).strip().splitlines()[-5:])
        raise TestbedError(f"apt-get {words[0]} failed (exit code {done.returncode}):\n{said}")
