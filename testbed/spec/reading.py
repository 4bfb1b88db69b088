"""Read YAML with the line of every key and item, so that errors can name it."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import yaml
from yaml.reader import ReaderError

from testbed.errors import TopologyError, nearest
from testbed.spec.edges import Edge
from testbed.spec.problems import FieldPath, Problem, shown

DEEPEST = 100  # mappings and lists inside each other
MOST = 50_000  # parts of a file, each alias and merge counted as often as it is used
_TOO_DEEP = f"nested more than {DEEPEST} deep"
_TOO_MANY = f"more than {MOST} parts, each alias counted as often as it is used"


@dataclass(frozen=True)
class Source:
    """The file and lines of a topology. All sources compare equal, so equality of topologies ignores them."""

    file: str = field(default="", compare=False)
    lines: Mapping[FieldPath, int] = field(default_factory=dict, compare=False)

    def line(self, place: FieldPath) -> int:
        """The line of the innermost part of `place` in the file; 0 if it was not read from a file."""
        return next((self.lines[place[:n]] for n in range(len(place), -1, -1) if place[:n] in self.lines), 0)

    def at(self, place: FieldPath, text: str) -> str:
        """Write `file:line: text`, without the parts that are unknown."""
        return self._located(self.line(place), text)

    def moved(self, old: Mapping[str, FieldPath], new: Mapping[str, FieldPath], same: Collection[str] = ()) -> Source:
        """Return the source of a changed topology: named parts may be removed, added or moved.

        Parts in `same` keep all their lines, other moved parts keep only their first line, added parts have none.
        """
        removed, outer = set(old.values()), {place[:-1] for place in old.values()} | {()}
        kept = {place: line for place, line in self.lines.items() if place not in outer and place[:2] not in removed}
        kept |= {place: self.line(old[name]) for name, place in new.items() if name in old}
        inner = {(*new[n], *p[2:]): line for n in same for p, line in self.lines.items() if p[:2] == old[n]}
        return Source(self.file, kept | inner)

    def error(self, problems: Iterable[Problem]) -> TopologyError:
        """Make the one error that lists all problems, in the order of the file."""
        located = sorted(((p.line or self.line(p.place), p) for p in problems), key=lambda pair: pair[0])
        return TopologyError("\n".join(self._located(line, str(problem)) for line, problem in located))

    def _located(self, line: int, text: str) -> str:
        return ": ".join([f"{self.file}:{line}" if line else self.file, text] if self.file else [text])


@dataclass(frozen=True)
class Document:
    """A YAML file: its data, the line of each part, and problems with duplicate keys."""

    data: object
    source: Source
    problems: tuple[Problem, ...]


def read_yaml(path: Path) -> Document:
    """Read one YAML file. Raises TopologyError if it cannot be read or is not YAML."""
    text, file = _text(path), str(path)
    loader = _loader(text, file)
    try:
        node = loader.get_single_node()
        if node is None:
            raise TopologyError(f"{file}:1: the file is empty: a topology needs name, entry and services")
        walk = _Walk(loader)
        data = walk.value(node, ())
    except yaml.MarkedYAMLError as error:
        raise TopologyError(_syntax(file, error)) from None
    except (ValueError, OverflowError):  # PyYAML calls chr() for what "\\U00110000" means
        raise TopologyError(f"{file}:{loader.line + 1}: not YAML: an escape that is not a character") from None
    except RecursionError:  # merges inside merges; all other nesting is counted
        raise TopologyError(f"{file}: not readable as YAML: nested too deep") from None
    finally:
        loader.dispose()
    return Document(data, Source(file, walk.lines), tuple(walk.problems))


class _Yaml12(yaml.SafeLoader):
    """Plain values of YAML 1.2: `on` and `off` are strings, 0500 is not octal, 1:30 is not a number."""

    yaml_implicit_resolvers: dict[str, list[tuple[str, re.Pattern[str]]]] = {}

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self._depth = self._merged = 0

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        """Reject nesting that is too deep for Python, and strings with half of a surrogate pair."""
        self._depth += 1
        if self._depth > DEEPEST:
            raise _refused(_TOO_DEEP, self.get_mark())
        node = super().compose_node(parent, index)
        self._depth -= 1
        if isinstance(node, yaml.ScalarNode) and re.search("[\ud800-\udfff]", node.value):
            raise _refused("an incomplete character: an escape such as \\ud800", node.start_mark)
        return node

    def flatten_mapping(self, node: yaml.MappingNode) -> None:
        """Merge the mappings under <<, up to a maximum size."""
        super().flatten_mapping(node)
        self._merged += len(node.value)
        if self._merged > MOST:
            raise _refused(_TOO_MANY, node.start_mark)

    def scalar(self, node: yaml.Node) -> object:
        """Return a plain value. Raises MarkedYAMLError if it does not match its tag."""
        try:
            return self.construct_object(node, deep=True)
        except (ValueError, LookupError, AttributeError):  # raised by PyYAML's constructors
            kind = node.tag.removeprefix("tag:yaml.org,2002:")
            raise _refused(f"{shown(node.value)} is not a valid {kind}", node.start_mark) from None


for _tag, _pattern, _first in (
    ("null", r"~|null|Null|NULL|", ["~", "n", "N", ""]),
    ("bool", r"true|True|TRUE|false|False|FALSE", list("tTfF")),
    ("int", r"[-+]?(0|[1-9][0-9]*)", list("-+0123456789")),
    ("float", r"[-+]?([0-9]+\.[0-9]*|\.[0-9]+)([eE][-+]?[0-9]+)?|[-+]?[0-9]+[eE][-+]?[0-9]+", list("-+.0123456789")),
    ("merge", r"<<", ["<"]),
):
    _Yaml12.add_implicit_resolver(f"tag:yaml.org,2002:{_tag}", re.compile(rf"^(?:{_pattern})$"), _first)


class _Walk:
    """Turns nodes into data, and records lines and duplicate keys."""

    def __init__(self, loader: _Yaml12) -> None:
        self._loader = loader
        self._inside: list[yaml.Node] = []
        self._flat: set[int] = set()
        self._parts = 0
        self.lines: dict[FieldPath, int] = {}
        self.problems: list[Problem] = []

    def value(self, node: yaml.Node, place: FieldPath) -> object:
        if any(node is outer for outer in self._inside):
            raise _refused("an alias that contains itself", node.start_mark)
        self._parts += 1
        if len(place) > DEEPEST or self._parts > MOST:
            raise _refused(_TOO_DEEP if len(place) > DEEPEST else _TOO_MANY, node.start_mark)
        self.lines.setdefault(place, _line(node))
        self._inside.append(node)
        try:
            return self._children(node, place)
        finally:
            self._inside.pop()

    def _children(self, node: yaml.Node, place: FieldPath) -> object:
        if isinstance(node, yaml.MappingNode):
            return self._mapping(node, place)
        if isinstance(node, yaml.SequenceNode):
            return [self.value(item, (*place, index)) for index, item in enumerate(node.value)]
        return self._loader.scalar(node)

    def _mapping(self, node: yaml.MappingNode, place: FieldPath) -> dict[str, object]:
        if id(node) not in self._flat:
            self._flat.add(id(node))
            self._duplicates(node, place)
            self._loader.flatten_mapping(node)  # merges <<: after this a key may occur twice
        data: dict[str, object] = {}
        for key_node, value_node in node.value:
            key = _key(key_node)
            self.lines[(*place, key)] = self.lines[(*place, _as_edge(key))] = _line(key_node)
            data[key] = self.value(value_node, (*place, key))
        return data

    def _duplicates(self, node: yaml.MappingNode, place: FieldPath) -> None:
        first: dict[str, int] = {}
        for key_node, _ in node.value:
            key, line = _key(key_node), _line(key_node)
            if (same := _as_edge(key)) in first:
                self.problems.append(Problem((*place, key), f"duplicate key, first on line {first[same]}", line))
            first.setdefault(same, line)


def _refused(problem: str, mark: yaml.Mark) -> yaml.MarkedYAMLError:
    return yaml.MarkedYAMLError(problem=problem, problem_mark=mark)


def _key(node: yaml.Node) -> str:
    """Every key is a string, even where YAML would read a number or a boolean."""
    if not isinstance(node, yaml.ScalarNode):
        hint = " (write {{...}} in quotes)" if isinstance(node, yaml.MappingNode) else ""
        raise _refused(f"a key must be a single word{hint}", node.start_mark)
    return str(node.value)


def _line(node: yaml.Node) -> int:
    return int(node.start_mark.line) + 1


def _as_edge(key: str) -> str:
    """An edge in its normal form, as in the places of the model."""
    try:
        return str(Edge.parse(key))
    except ValueError:
        return key


def _loader(text: str, file: str) -> _Yaml12:
    try:
        return _Yaml12(text)
    except ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        raise TopologyError(f"{file}:{line}: not YAML: the character U+{error.character:04X} is not allowed") from None


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        near = [p.name for p in path.parent.glob("*.y*ml")]
        raise TopologyError(f"{path}: no such file{nearest(path.name, near)}") from None
    except (OSError, UnicodeDecodeError) as error:
        raise TopologyError(f"{path}: cannot be read: {error}") from None


def _syntax(file: str, error: yaml.MarkedYAMLError) -> str:
    mark = error.problem_mark or error.context_mark
    line = f":{mark.line + 1}" if mark else ""
    if "'\\t'" in str(error.problem):
        return f"{file}{line}: tab found: indent YAML with spaces"
    context = f" ({error.context})" if error.context else ""
    bare = mark is not None and "{{" in (mark.get_snippet() or "") and "in quotes" not in str(error.problem)
    hint = ": write {{...}} in quotes" if bare else ""
    return f"{file}{line}: not YAML: {error.problem}{context}{hint}"
