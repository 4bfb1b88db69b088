"""The base of every part of a topology: a frozen value with camelCase keys in YAML. Unknown keys are errors."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    GetCoreSchemaHandler,
    GetJsonSchemaHandler,
    ValidationError,
)
from pydantic.alias_generators import to_camel
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, core_schema

from testbed.errors import TopologyError
from testbed.spec.edges import Edge
from testbed.spec.problems import explain, shown, wrong


class Model(BaseModel):
    """A part of a topology. Wrong arguments in Python raise `TopologyError` with the same text as in YAML."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        alias_generator=to_camel,
        validate_by_name=True,
        validate_by_alias=True,
        use_attribute_docstrings=True,
        field_title_generator=lambda name, field: field.alias or name,
    )

    def __init__(self, /, **data: Any) -> None:
        try:
            super().__init__(**data)
        except ValidationError as error:
            problems = explain(error, type(self))
            raise TopologyError("\n".join(f"{type(self).__name__}: {problem}" for problem in problems)) from None

    # Inside another model, pydantic builds this one without __init__ and collects its errors with the others.
    __init__.__pydantic_base_init__ = True  # type: ignore[attr-defined]


@dataclass(frozen=True, eq=False)
class ShortForm:
    """Adds a short form of a value to the JSON Schema. A validator turns the short form into the full one."""

    schema: dict[str, Any]

    def __get_pydantic_json_schema__(self, core: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        """Allow the short form or the full one."""
        return {"anyOf": [self.schema, handler(core)]}


EXTENSIBLE = ConfigDict(json_schema_extra={"patternProperties": {"^x-": {}}})
"""The configuration of a part that takes keys of the user's own (`without_extensions`)."""


def without_extensions(data: object) -> object:
    """Return a part without the keys that begin with x-, a user's own: as in Compose, a place for anchors."""
    own = isinstance(data, Mapping) and any(str(key).startswith("x-") for key in data)
    return {k: v for k, v in data.items() if not str(k).startswith("x-")} if own else data  # type: ignore[attr-defined]


CONTROL = r"\x00-\x1f\x7f-\x9f"  # control characters, for a set of characters in a regular expression


@dataclass(frozen=True)
class Spelling:
    """The format of a string: a regular expression, and the same in words that follow "must" in a message."""

    pattern: str
    words: str

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        """Check the format after pydantic has checked that the value is a string."""
        return core_schema.no_info_after_validator_function(self._checked, handler(source))

    def __get_pydantic_json_schema__(self, core: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        """Add the pattern for editors."""
        return {**handler(core), "pattern": f"^{self.pattern}$"}

    def _checked(self, text: str) -> str:
        if not re.fullmatch(self.pattern, text):
            raise wrong(f"must {self.words}, is {shown(text)}")
        return text


def whole(*, least: int, most: int | None = None) -> Any:
    """Bound a whole number. Strings and booleans are errors."""
    return Field(strict=True, ge=least, le=most)


Count = Annotated[int, whole(least=0)]
UINT32_MAX = 4_294_967_295  # the largest limit that Envoy takes: Istio's "no limit"
Limit = Annotated[int, whole(least=1, most=UINT32_MAX)]
LimitOrZero = Annotated[int, whole(least=0, most=UINT32_MAX)]
Percent = Annotated[int, whole(least=0, most=100)]
ErrorStatus = Annotated[int, whole(least=400, most=599)]


def _normalised_edge(text: str) -> str:
    """Validate an edge and return it in its normal form."""
    try:
        return str(Edge.parse(text))
    except ValueError as error:
        raise wrong(str(error)) from None


EdgeText = Annotated[
    str,
    AfterValidator(_normalised_edge),
    Field(json_schema_extra={"pattern": r"^\s*\S+\s*->\s*\S+\s*$", "examples": ["checkout -> pricing"]}),
]
