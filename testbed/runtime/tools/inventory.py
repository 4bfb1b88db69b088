"""The optional tools of tools.toml: whether each is installed, and what needs it."""

from __future__ import annotations

import os
import shutil
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from glob import glob
from importlib import import_module
from pathlib import Path
from typing import Any

from testbed.errors import Unsupported

LIST = Path(__file__).with_name("tools.toml")
SBIN = "/usr/sbin:/sbin"  # not on the PATH of all users


@dataclass(frozen=True, slots=True)
class Extra:
    """One entry of the list; tools.toml describes the fields."""

    name: str
    without: str
    what: str = ""
    debian: str = ""
    programs: tuple[str, ...] = ()
    glob: str = ""
    probe: str = ""
    after: str = ""

    def __str__(self) -> str:
        return self.what or self.name

    def path(self) -> str:
        """Return its path if it is a file; "" if it is missing."""
        if self.glob:
            return max(glob(self.glob), default="")
        return "" if self._absent() else find(self.programs[0]) if self.programs else ""

    def missing(self) -> str:
        """Return why it is missing, "" if it is installed."""
        if self.probe:
            return PROBES[self.probe]()
        absent = self._absent() if self.programs else [] if self.path() else [self.glob]
        return f"{', '.join(absent)} not found" if absent else ""

    def _absent(self) -> list[str]:
        return [program for program in self.programs if not find(program)]


@cache
def extras() -> Mapping[str, Extra]:
    """Return every entry by its name."""
    return {name: _extra(name, entry) for name, entry in _read()["tool"].items()}


@cache
def machine() -> Mapping[str, str]:
    """Return features that cannot be installed, by name, each with its description."""
    return dict(_read()["machine"])


def missing() -> dict[str, str]:
    """Return the missing tools by name, each with the reason."""
    return {name: why for name in extras() if (why := why_not(name))}


def why_not(name: str) -> str:
    """Return why a tool, or a tool that it depends on, is missing; "" if it is installed."""
    extra = extras()[name]
    return (why_not(extra.after) if extra.after else "") or extra.missing()


def find(program: str) -> str:
    """Return the path of a program, "" if it is not found."""
    return shutil.which(program, path=f"{os.environ.get('PATH', os.defpath)}:{SBIN}") or ""


def program(name: str, purpose: str) -> str:
    """Return the path of a program of the list. Raises `Unsupported` with its package if it is not found."""
    if found := find(name):
        return found
    extra = next(extra for extra in extras().values() if name in extra.programs)
    raise Unsupported(f"{purpose} needs {name}, which was not found: apt-get install {extra.debian}", lacks=extra.name)


def _read() -> dict[str, Any]:
    return tomllib.loads(LIST.read_text())


def _extra(name: str, entry: Mapping[str, Any]) -> Extra:
    itself = () if {"glob", "probe"} & entry.keys() else (name,)
    return Extra(name=name, **{**entry, "programs": tuple(entry.get("programs", itself))})


def _probe(home: str) -> Callable[[], str]:
    """Return a function that imports the given one ("module:function") and calls it."""
    module, _, name = home.partition(":")
    return lambda: str(getattr(import_module(module), name)())


PROBES = {  # each returns why something is missing, "" if it exists
    "engine": _probe("testbed.runtime.docker.checkup:why_no_engine"),
    "image": _probe("testbed.runtime.docker.checkup:why_no_image"),
}
