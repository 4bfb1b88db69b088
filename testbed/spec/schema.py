"""The JSON Schema of topology files for editors, and the same as Markdown for readers."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from testbed.spec.topology import Topology

DIALECT = "https://json-schema.org/draft/2020-12/schema"


def schema() -> dict[str, Any]:
    """Return the schema (draft 2020-12) of a topology file: camelCase keys, durations as strings."""
    return {"$schema": DIALECT, **Topology.model_json_schema(by_alias=True, mode="validation")}


def reference(whole: Mapping[str, Any]) -> str:
    """Return all keys of a schema as Markdown: one table for each part, the topology first."""
    parts = {name: part for name, part in whole["$defs"].items() if part.get("properties")}
    topology = {"Topology": {**whole, "description": "The file as a whole."}}
    return "\n\n".join("\n".join(_part(name, part)) for name, part in {**topology, **parts}.items())


def _part(name: str, part: Mapping[str, Any]) -> Iterator[str]:
    yield f"### {name}\n"
    yield f"{part.get('description', '').partition(chr(10) * 2)[0]}\n"
    yield "| key | value | default | meaning |"
    yield "| --- | --- | --- | --- |"
    for key, value in part["properties"].items():
        default = "required" if key in part.get("required", ()) else _default(value)
        yield _row(f"`{key}`", _kind(value), default, value.get("description", ""))


def _row(*cells: str) -> str:
    return f"| {' | '.join(cell.replace('|', chr(92) + '|').replace(chr(10), ' ') for cell in cells)} |"


def _default(value: Mapping[str, Any]) -> str:
    given = value.get("default")
    if _kind(value) == "duration" and given is not None:
        return f"`{given:g}ms`"
    return "" if given is None else f"`{json.dumps(given)}`"


def _kind(value: Mapping[str, Any]) -> str:
    """Return the type of a value: `node, go, python`, `duration`, `list of Call`, `Retries`."""
    if "$ref" in value:
        name = value["$ref"].rpartition("/")[2]
        return "any JSON" if name == "JsonValue" else f"[{name}](#{name.lower()})"
    for several in ("anyOf", "oneOf"):
        if several in value:
            kinds = dict.fromkeys(_kind(one) for one in value[several] if one.get("type") != "null")
            return " or ".join(kind for kind in kinds if kind != "number" or "duration" not in kinds)
    if "enum" in value or "const" in value:
        choices = value.get("enum", [value.get("const")])
        return ", ".join(f"`{one if isinstance(one, str) else json.dumps(one)}`" for one in choices)
    if value.get("type") == "array":
        return f"list of {_kind(value.get('items', {}))}"
    if value.get("type") == "object" and isinstance(value.get("additionalProperties"), dict):
        return f"map of {_kind(value['additionalProperties'])}"
    if value.get("type") == "string" and "(ms|s|m|h)" in value.get("pattern", ""):
        return "duration"
    kind = str(value.get("type", "anything"))
    return {"string": "text", "object": "map"}.get(kind, kind)
