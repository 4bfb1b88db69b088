"""What is of use beyond wheels, as tools.toml lists it: whether it is here, and what is left out where it is not."""

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
SBIN = "/usr/sbin:/sbin"  # not on the PATH of every user


@dataclass(frozen=True, slots=True)
class Extra:
    """One entry of the list; tools.toml says what its fields mean."""

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
        """Return where it is, as far as it is a file; "" if it is not there."""
        if self.glob:
            return max(glob(self.glob), default="")
        return "" if self._absent() else find(self.programs[0]) if self.programs else ""

    def missing(self) -> str:
        """Why it is not here, "" if it is."""
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
    """Return what no installation brings: a name, and what it means."""
    return dict(_read()["machine"])


def missing() -> dict[str, str]:
    """Return what is not here, and why not, by its name in the list."""
    return {name: why for name in extras() if (why := why_not(name))}


def why_not(name: str) -> str:
    """Why one of the list, or what it needs itself, is not here; "" if it is."""
    extra = extras()[name]
    return (why_not(extra.after) if extra.after else "") or extra.missing()


def find(program: str) -> str:
    """Return where a program is, "" if it is nowhere."""
    return shutil.which(program, path=f"{os.environ.get('PATH', os.defpath)}:{SBIN}") or ""


def program(name: str, purpose: str) -> str:
    """Return where a program of the list is. Raises `Unsupported`, with the package that brings it, if nowhere."""
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
    """Return a function that loads the one named here ("module:function") and calls it."""
    module, _, name = home.partition(":")
    return lambda: str(getattr(import_module(module), name)())


PROBES = {  # each says why something is not here, "" if it is
    "engine": _probe("testbed.runtime.docker.checkup:why_no_engine"),
    "image": _probe("testbed.runtime.docker.checkup:why_no_image"),
}
