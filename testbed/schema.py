"""The JSON Schema of topology files, from which editors complete keys and show what they mean."""

from __future__ import annotations

from typing import Any

from testbed.model.topology import Topology

DIALECT = "https://json-schema.org/draft/2020-12/schema"


def schema() -> dict[str, Any]:
    """Return the schema (draft 2020-12) of a topology as it is written in YAML: camelCase keys, durations as texts."""
    return {"$schema": DIALECT, **Topology.model_json_schema(by_alias=True, mode="validation")}
