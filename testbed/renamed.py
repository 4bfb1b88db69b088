"""Old names of what users write. Each works for one minor version, with a warning that says the new one.

A check prints the name by which the test wrote it, so that a reader of a verdict finds it in the test.
"""

from __future__ import annotations

import sys
import warnings
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from types import FrameType
from typing import Any

GONE = "0.2"  # the version that has no old names any more

FAULTS = {
    "corrupt": "packet_corrupt",
    "cpu": "cpu_limit",
    "duplicate": "packet_duplicate",
    "lost": "node_failure",
    "memory": "memory_limit",
    "refused": "connection_refused",
    "reorder": "packet_reorder",
    "reset": "connection_reset",
    "silent": "stall",
    "sliced": "slicer",
    "truncated": "limit_data",
}
"""Old and new names in `testbed.faults`."""

CHECKS = {
    "amplification": "retry_amplification",
    "answered": "call_statuses",
    "breaker": "circuit_breaker",
    "budget_respected": "retry_budget",
    "deadline_kept": "deadline_propagation",
    "ejected": "outlier_ejection",
    "gives_up": "call_duration",
    "no_duplicate_effects": "at_most_once",
    "only_statuses": "statuses",
    "recovers": "recovery",
    "sheds": "load_shedding",
    "slowest": "max_latency",
}
"""Old and new names in `testbed.checks`."""

LOADS = {"steady": "constant_rate"}
"""Old and new names in `testbed.load.workload`."""

_KEYWORDS = {"gives_up": {"within_ms": "under_ms"}}  # keywords that only the old name takes

KINDS = {"lost": "node_failure", "silent": "stall"}
"""Old and new kinds of `outage`."""

NAMES = {**FAULTS, **CHECKS, **LOADS}
"""All old and new names in `testbed`."""

_FOREIGN = ("testbed", "pydantic", "importlib", "_frozen_importlib")  # whose frames are no line of a user


def warn(old: str, new: str) -> None:
    """Warn that `old` is now `new`, once at each line of a user that has the old name."""
    frame = _users_frame()
    warnings.warn_explicit(
        said(old, new),
        DeprecationWarning,
        frame.f_code.co_filename,
        frame.f_lineno,
        module=frame.f_globals.get("__name__"),
        registry=frame.f_globals.setdefault("__warningregistry__", {}),
    )


def said(old: str, new: str) -> str:
    """Return what a warning says of an old name."""
    return f"`{old}` is now `{new}`; the old name goes in {GONE}"


def by_old_name(module: str, names: Mapping[str, str], name: str) -> object:
    """Return what a module offers under another name now, with a warning. Raises `AttributeError` for other names."""
    if name not in names:
        raise AttributeError(f"module {module!r} has no attribute {name!r}")
    keywords = _KEYWORDS.get(name, {})
    if not _only_looked_for():
        warn(_with(name, keywords), _with(names[name], keywords.values()))
    value = getattr(sys.modules[module], names[name])
    return OldName(name, value, keywords) if name in CHECKS else value


def _with(name: str, keywords: Collection[str]) -> str:
    return f"{name}({', '.join(f'{keyword}=' for keyword in keywords)})" if keywords else name


class OldName:
    """A class by its old name: it makes, and `isinstance` knows, the same values, which print as they were written."""

    def __init__(self, name: str, new: type, keywords: Mapping[str, str]) -> None:
        self._name, self._new, self._keywords = name, new, keywords

    def __call__(self, *given: object, **named: object) -> object:
        """Make a value of the new class, which knows by which names it was written."""
        used = {new: old for old, new in self._keywords.items() if old in named}
        made: Any = object.__new__(self._new)
        object.__setattr__(made, "spelling", Spelling(self._name, used))
        made.__init__(*given, **{self._keywords.get(key, key): value for key, value in named.items()})
        return made

    def __getattr__(self, name: str) -> object:
        """Return an attribute of the class."""
        return getattr(self._new, name)

    def __instancecheck__(self, instance: object) -> bool:
        """Whether it is a value of the new class."""
        return isinstance(instance, self._new)

    def __subclasscheck__(self, subclass: type) -> bool:
        """Whether it is a class below the new class."""
        return issubclass(subclass, self._new)

    def __mro_entries__(self, bases: object) -> tuple[type]:
        """Let a class be derived: it is one of the new class."""
        return (self._new,)

    def __repr__(self) -> str:
        """Return both names."""
        return f"<{self._name}, which is now {self._new.__name__}>"


@dataclass(frozen=True)
class Spelling:
    """The old names by which a value was written: of its class, and of keywords (by their new names)."""

    name: str = ""
    keywords: Mapping[str, str] = field(default_factory=dict)


def _only_looked_for() -> bool:
    """Whether `from module import name` only looks whether the name is there: it asks for it right afterwards."""
    return sys._getframe(3).f_globals.get("__name__") in ("importlib._bootstrap", "_frozen_importlib")


def _users_frame() -> FrameType:
    """Return the innermost frame that is neither ours nor of what stands between a user and us."""
    frame = sys._getframe(1)
    while _is_foreign(frame) and frame.f_back:
        frame = frame.f_back
    return frame


def _is_foreign(frame: FrameType) -> bool:
    return str(frame.f_globals.get("__name__")).partition(".")[0] in _FOREIGN
