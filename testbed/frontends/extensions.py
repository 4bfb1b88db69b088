"""Third-party faults and checks: found by entry points of other distributions, loaded on first use."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import EntryPoint, entry_points
from pkgutil import iter_modules
from typing import Any

from testbed.errors import TestbedError

GROUPS = {"fault": "testbed.faults", "check": "testbed.checks"}


@dataclass(frozen=True)
class Extension:
    """One entry point: a fault or a check, and its distribution."""

    name: str
    kind: str  # a key of GROUPS
    entry: EntryPoint

    @property
    def distribution(self) -> str:
        """The distribution and its version: `breakers 1.0`."""
        return f"{self.entry.dist.name} {self.entry.dist.version}" if self.entry.dist else "an unknown distribution"

    def __str__(self) -> str:
        """Write it for a message: `the check never_mind of breakers 1.0 (breakers:never_mind)`."""
        return f"the {self.kind} {self.name} of {self.distribution} ({self.entry.value})"


def load(name: str) -> object | None:
    """Return the fault or check of an installed distribution by name, None if there is none.

    Raises `TestbedError` for a name conflict and for an entry point that cannot be loaded.
    """
    found = [one for one in installed() if one.name == name]
    if not found:
        return None
    refuse_clashes()
    return _loaded(found[0])


def offered(kind: str) -> dict[str, Any]:
    """Return all installed faults or checks by name and distribution: `never_mind (breakers 1.0)`."""
    refuse_clashes()
    return {f"{one.name} ({one.distribution})": _loaded(one) for one in installed() if one.kind == kind}


def installed() -> Iterator[Extension]:
    """Yield all entry points of both groups without loading them."""
    every = entry_points()
    for kind, group in GROUPS.items():
        yield from (Extension(entry.name, kind, entry) for entry in every.select(group=group))


def refuse_clashes() -> None:
    """Raise one `TestbedError` for all names that the testbed or another entry point already uses."""
    others = list(installed())
    if not others:
        return
    seen: dict[str, str] = dict.fromkeys(_reserved(), "the testbed")
    clashes = []
    for one in others:
        if one.name in seen:
            clashes.append(f"{one}: {seen[one.name]} already has this name")
        seen.setdefault(one.name, str(one))
    if clashes:
        raise TestbedError("\n".join([*clashes, "uninstall one distribution, or ask its authors to change the name"]))


def _reserved() -> Iterator[str]:
    import testbed
    from testbed import renamed

    yield from testbed.__all__
    yield from renamed.NAMES
    yield from (module.name for module in iter_modules(testbed.__path__))


def _loaded(one: Extension) -> object:
    try:
        value: object = one.entry.load()
    except Exception as error:
        raise TestbedError(f"{one} cannot be loaded: {type(error).__name__}: {error}") from error
    if not _fits(one.kind, value):
        raise TestbedError(f"{one} is not a {one.kind}: {value!r}")
    return value


def _fits(kind: str, value: object) -> bool:
    """Whether the value is a fault class, or a callable for a check."""
    from testbed.faults import Fault

    return isinstance(value, type) and issubclass(value, Fault) if kind == "fault" else callable(value)
