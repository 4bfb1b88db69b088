"""The fields of a model that were set, as opposed to defaults."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from pydantic import BaseModel

from testbed.spec.problems import FieldPath

Data = dict[str, Any]


def written(model: BaseModel) -> Data:
    """The fields of a model that were set, by their YAML names. Values stay models."""
    fields = type(model).model_fields
    return {fields[name].alias or name: getattr(model, name) for name in fields if name in model.model_fields_set}


def leaves(model: BaseModel) -> Iterator[FieldPath]:
    """The places of all values that were set in a model, at every depth."""
    for name, value in written(model).items():
        yield from ((name, *inner) for inner in leaves(value)) if isinstance(value, BaseModel) else [(name,)]


def pruned(model: BaseModel, place: FieldPath) -> Data:
    """The set fields of a model without the value at one place; a required value becomes 1."""
    data, (key, *rest) = written(model), place
    name = str(key)
    if rest:
        data[name] = pruned(data[name], tuple(rest))
    elif any(field.is_required() for own, field in type(model).model_fields.items() if name in (own, field.alias)):
        data[name] = 1
    else:
        del data[name]
    return data
