"""All meshes by name, with their capabilities as plain values.

Packages that do not import `testbed.mesh` use these values. The code of a mesh is the folder `testbed/mesh/NAME`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal


@dataclass(frozen=True)
class Capabilities:
    """What a mesh can do."""

    is_proxy: bool  # it has a proxy between caller and callee, which has a placement and records connections
    enforces_policies: bool
    makes_http2: bool  # it turns a caller's HTTP/1.1 into HTTP/2
    records_attempts: bool
    records_calls: bool
    lints: tuple[str, ...] = ()  # the rules of `testbed.spec.lint` that apply to this proxy only

    @property
    def sources(self) -> tuple[str, ...]:
        """The evidence that it records: "attempts", "calls"."""
        recorded = {"attempts": self.records_attempts, "calls": self.records_calls}
        return tuple(source for source, is_recorded in recorded.items() if is_recorded)


_PROXY = Capabilities(
    is_proxy=True, enforces_policies=True, makes_http2=True, records_attempts=True, records_calls=True
)
_ENVOY = replace(_PROXY, lints=("ignored_per_try", "never_ejects"))
_NOTHING = Capabilities(
    is_proxy=False, enforces_policies=False, makes_http2=False, records_attempts=True, records_calls=True
)

DEFAULT = "envoy"
MESHES: Mapping[str, Capabilities] = {DEFAULT: _ENVOY, "none": _NOTHING}

if TYPE_CHECKING:
    MeshName = str
else:
    MeshName = Literal[tuple(MESHES)]


def capabilities(mesh: str) -> Capabilities:
    """Return what a mesh can do. An unknown name (from an old history) counts as a proxy."""
    return MESHES.get(mesh, _PROXY)
