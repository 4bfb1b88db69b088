"""Read a topology from a file or from a recorded history."""

from __future__ import annotations

from collections.abc import Mapping
from os import PathLike
from pathlib import Path

from pydantic import ValidationError

from testbed.errors import TopologyError, nearest
from testbed.spec.old_keys import of_file, renewed
from testbed.spec.problems import Problem, explain
from testbed.spec.reading import read_yaml
from testbed.spec.topology import Topology


def find_topology(path: str | Path, *folders: Path) -> Path:
    """Return the topology file from the first folder that has it. Raises `TopologyError` if no folder has it."""
    tried = [folder / path for folder in folders]
    for candidate in tried:
        if candidate.is_file():
            return candidate
    beside = {p.name for candidate in tried if candidate.parent.is_dir() for p in candidate.parent.glob("*.y*ml")}
    looked = " or ".join(str(candidate) for candidate in tried)
    raise TopologyError(f"topology file {str(path)!r} not found: looked for {looked}{nearest(Path(path).name, beside)}")


def load_topology(path: str | PathLike[str]) -> Topology:
    """Read a topology from a YAML file.

    Raises `TopologyError` with one line for each problem: file, line, field, what is wrong, the nearest valid choice.
    """
    document = of_file(read_yaml(Path(path)))
    if not isinstance(document.data, Mapping):
        raise document.source.error([Problem((), "not a topology: it must be a mapping with name, entry and services")])
    try:
        made = Topology.from_source(document.data, document.source)
    except ValidationError as error:
        raise document.source.error([*document.problems, *explain(error, Topology)]) from None
    if document.problems:
        raise document.source.error(document.problems)
    return made


def recorded_topology(data: Mapping[str, object]) -> Topology:
    """Read a topology from the JSON data of a history. Raises `TopologyError` for invalid data."""
    try:
        return Topology.model_validate(renewed(data)[0])
    except ValidationError as error:
        raise TopologyError("; ".join(map(str, explain(error, Topology)))) from None
