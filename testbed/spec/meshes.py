"""Every mesh by the name that topologies use, and what it can do, as plain values: rooms that know no mesh ask these.

A mesh that is not here does not exist; its code is the folder `testbed/mesh/NAME`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal


@dataclass(frozen=True)
class Capabilities:
    """What a mesh can do; each is asked somewhere."""

    is_proxy: bool  # a proxy stands between caller and callee: it can be placed, and it sees connections
    enforces_policies: bool
    makes_http2: bool  # of the HTTP/1.1 that a caller sends
    records_attempts: bool
    records_calls: bool
    lints: tuple[str, ...] = ()  # the rules of `testbed.spec.lint` that are true of this proxy and not of every one

    @property
    def sources(self) -> tuple[str, ...]:
        """The evidence that it gives: "attempts", "calls"."""
        told = {"attempts": self.records_attempts, "calls": self.records_calls}
        return tuple(source for source, there in told.items() if there)


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
    """Return what a mesh can do. One that is not known (it is refused elsewhere, or of an old record) is a proxy."""
    return MESHES.get(mesh, _PROXY)
