"""Problems of a topology as text: one line for each, with its place and the nearest valid choice."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from types import UnionType
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails, InitErrorDetails, PydanticCustomError

from testbed.errors import nearest

Part = str | int
FieldPath = tuple[Part, ...]


@dataclass(frozen=True, slots=True)
class Problem:
    """A problem at one place of the topology."""

    place: FieldPath
    message: str
    line: int = 0  # the exact line, if known; 0: the line of the place

    def __str__(self) -> str:
        """Write `services.checkout.calls[0].to: no service 'prcing'`."""
        return f"{path_text(self.place)}: {self.message}" if self.place else self.message


def wrong(message: str) -> PydanticCustomError:
    """Make the error that a validator raises. The user sees its message unchanged."""
    return PydanticCustomError("topology", "{message}", {"message": message})


def several(problems: Iterable[Problem]) -> ValidationError:
    """Make one validator error for problems at several places."""
    lines = [InitErrorDetails(type=wrong(p.message), loc=p.place, input=None) for p in problems]
    return ValidationError.from_exception_data("Topology", lines)


def explain(error: ValidationError, root: type[BaseModel]) -> list[Problem]:
    """Turn the pydantic errors of a `root` model into problems."""
    errors = error.errors(include_url=False)
    unknown = {(*_place(e["loc"])[:-1], near) for e in errors if (near := _nearest_key(e, root))}
    relevant = [e for e in errors if not _follows(e) and not (e["type"] == "missing" and _place(e["loc"]) in unknown)]
    return [Problem(_place(e["loc"]), _wording(e, root)) for e in relevant]


def path_text(place: FieldPath) -> str:
    """Write a place as `services.checkout.calls[0].to`; keys with special characters as `edges["a -> b"]`."""
    return "".join(_written(part) for part in place).removeprefix(".")


def shown(value: object) -> str:
    """Write a value as in YAML, shortened to 60 characters."""
    text = str(value).lower() if isinstance(value, bool) else repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."


def kind_of(value: object) -> str:
    """Name the YAML kind of a value: "a mapping", "a list", or the value itself."""
    return {dict: "a mapping", list: "a list", tuple: "a list", type(None): "null"}.get(type(value), shown(value))


_KINDS = {
    "int_type": "a whole number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "string_type": "a string",
    "bool_type": "true or false",
    "bool_parsing": "true or false",
    "tuple_type": "a list",
    "dict_type": "a mapping",
    "model_type": "a mapping",
    "model_attributes_type": "a mapping",
}


def _follows(error: ErrorDetails) -> bool:
    """Whether it only follows from another error: pydantic does not count invalid items as items."""
    return error["type"] == "default_factory_not_called" or (error["type"] == "too_short" and bool(error["input"]))


def _written(part: Part) -> str:
    if isinstance(part, int):
        return f"[{part}]"
    return f".{part}" if re.fullmatch(r"[\w-]+", part) else f'["{part}"]'


def _place(loc: FieldPath) -> FieldPath:
    """Drop the parts that pydantic adds: "<Call>" for a member of a union, "[key]" for the key of a mapping."""
    return tuple(part for part in loc if not re.fullmatch(r"<\w+>|\[key\]", str(part)))


def _wording(error: ErrorDetails, root: type[BaseModel]) -> str:
    given, context = error["input"], error.get("ctx", {})
    match error["type"]:
        case "missing":
            return "is missing"
        case "extra_forbidden":
            return f"unknown key{nearest(str(error['loc'][-1]), _keys_at(error['loc'], root))}"
        case "literal_error":
            return f"unknown {_place(error['loc'])[-1]} {shown(given)}{_nearest_literal(given, context['expected'])}"
        case "greater_than_equal":
            return f"must be at least {context['ge']}, is {shown(given)}"
        case "less_than_equal":
            return f"must be at most {context['le']}, is {shown(given)}"
        case "too_short":
            return "must not be empty"
        case "too_long":
            return f"must have at most {context['max_length']}, has {len(given)}"
        case kind if kind in _KINDS:
            return f"must be {_KINDS[kind]}, is {kind_of(given)}"
    return error["msg"]


def _nearest_literal(given: object, expected: str) -> str:
    choices = re.findall(r"'([^']*)'", expected)
    same = next((choice for choice in choices if choice.lower() == str(given).lower()), None)
    return nearest(same or str(given), choices)


def _nearest_key(error: ErrorDetails, root: type[BaseModel]) -> str:
    if error["type"] != "extra_forbidden":
        return ""
    hint = re.search(r"did you mean '(.*)'", nearest(str(error["loc"][-1]), _keys_at(error["loc"], root)))
    return hint[1] if hint else ""


def _keys_at(loc: FieldPath, root: type[BaseModel]) -> list[str]:
    """The valid keys of the model that contains the last part of `loc`."""
    kinds: list[Any] = [root]
    for part in loc[:-1]:
        kinds = [inner for kind in kinds for inner in _inside(kind, part)]
    return [field.alias or name for kind in kinds if _is_model(kind) for name, field in kind.model_fields.items()]


def _inside(kind: Any, part: Part) -> Iterator[Any]:
    """The types at `part`: of a field, an item, a value, or the named member of a union."""
    if isinstance(part, str) and part.startswith("<"):
        if kind.__name__ == part[1:-1]:
            yield kind
    elif _is_model(kind):
        fields = [f.annotation for n, f in kind.model_fields.items() if part in (n, f.alias)]
        yield from (member for annotation in fields for member in _members(annotation))
    elif get_origin(kind) in (dict, tuple):
        yield from _members(get_args(kind)[0 if get_origin(kind) is tuple else 1])


def _members(kind: Any) -> Iterator[Any]:
    if get_origin(kind) is Annotated:
        yield from _members(get_args(kind)[0])
    elif get_origin(kind) in (Union, UnionType):
        yield from (inner for member in get_args(kind) for inner in _members(member))
    else:
        yield kind


def _is_model(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, BaseModel)
