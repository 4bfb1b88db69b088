"""Keys of a topology that have another name now. Each is read for one minor version, with a warning."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from testbed.renamed import said as said_of
from testbed.renamed import warn
from testbed.spec.problems import FieldPath, Problem, path_text, several
from testbed.spec.reading import Document, Source

TOPOLOGY = {"context": "contextHeaders", "forward": "forwardHeaders"}
"""Old and new keys of the topology itself."""

SERVICE = {
    "forward": "forwardHeaders",
    "grace": "terminationGracePeriod",
    "onHangUp": "onClientDisconnect",
    "on_hang_up": "onClientDisconnect",
    "reset": "resetPath",
    "wiring": "outbound",
}
"""Old and new keys of a service."""

VALUES = {("outbound", "proxy"): "httpProxy", ("onClientDisconnect", "stop"): "cancel"}
"""By new key and old value, the new value."""


@dataclass(frozen=True, slots=True)
class OldKey:
    """An old key in a topology: the part that it stands in, and what is written now."""

    part: FieldPath
    old: str
    new: str
    value: object
    twice: bool  # the new key is there as well

    @property
    def words(self) -> tuple[str, str]:
        """What was written and what is written now, with the value where that changes, too."""
        now = _value(self.new, self.value)
        return (self.old, self.new) if now == self.value else (f"{self.old}: {self.value}", f"{self.new}: {now}")

    @property
    def problem(self) -> Problem:
        """What is wrong where old and new key are there."""
        return Problem((*self.part, self.old), f"is the old name of {self.new}, which is written as well: leave it out")


def of_file(document: Document) -> Document:
    """Return what a file says in new keys; each old one is warned of, or a problem if the new one is there as well."""
    data, found = renewed(document.data)
    for one in found:
        _warn(document.source, one)
    problems = (*document.problems, *(one.problem for one in found if one.twice))
    return Document(data, _source(document.source, found), problems)


def renewed(data: object) -> tuple[object, list[OldKey]]:
    """Return a topology's data in new keys, and the old keys that were there; a new key that is there as well wins."""
    whole, found = _part(data, TOPOLOGY, ())
    services = whole.get("services") if isinstance(whole, dict) else None
    if not isinstance(whole, dict) or not isinstance(services, Mapping):
        return whole, found
    parts = {name: _part(service, SERVICE, ("services", name)) for name, service in services.items()}
    whole["services"] = {name: part for name, (part, _) in parts.items()}
    return whole, found + [old for _, below in parts.values() for old in below]


def made_in_python(data: object, names: Mapping[str, str]) -> object:
    """Return a part of a topology in new keys; a warning for each old one. Raises an error if the new is there, too."""
    part, found = _part(data, names, ())
    if twice := [one.problem for one in found if one.twice]:
        raise several(twice)
    for one in found:
        warn(*one.words)
    return part


def _part(data: object, names: Mapping[str, str], place: FieldPath) -> tuple[Any, list[OldKey]]:
    if not isinstance(data, Mapping):
        return data, []
    found = [OldKey(place, key, names[key], data[key], names[key] in data) for key in data if key in names]
    return (dict(_entries(data, names)) if found or not place else data), found


def _entries(data: Mapping[str, object], names: Mapping[str, str]) -> Iterator[tuple[str, object]]:
    for key, value in data.items():
        if key not in names:
            yield key, value
        elif names[key] not in data:
            yield names[key], _value(names[key], value)


def _value(key: str, value: object) -> object:
    return VALUES.get((key, value), value) if isinstance(value, str) else value


def _warn(source: Source, key: OldKey) -> None:
    place = (*key.part, key.old)
    said = said_of(*key.words)
    short = replace(source, file=Path(source.file).name)  # the whole path is told beside the message
    text = short.at(place, f"{path_text(key.part)}: {said}" if key.part else said)
    # In the name of `__main__` it is shown by default: the file is the user's own.
    warnings.warn_explicit(text, DeprecationWarning, source.file, source.line(place), module="__main__")


def _source(source: Source, found: list[OldKey]) -> Source:
    """Let new keys stand where the old ones do."""
    lines = dict(source.lines)
    for one in found:
        old, new = (*one.part, one.old), (*one.part, one.new)
        lines |= {(*new, *at[len(old) :]): line for at, line in source.lines.items() if at[: len(old)] == old}
    return replace(source, lines=lines)
