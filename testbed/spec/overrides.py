"""What one test may change in a topology: the keywords of `topology`, `start` and `with_overrides`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypedDict, cast

from testbed.errors import nearest

PolicyOverrides = Mapping[str, Mapping[str, Any] | None]
"""Edge to the changes of its policy; None removes the policy."""
Addresses = Mapping[str, str | tuple[str, int]]
"""Service to the address of the external service that replaces it."""


class Overrides(TypedDict, total=False):
    """The changes to a topology. None, or a missing key, changes nothing."""

    mesh: str | None
    """The mesh that enforces the policies. With mesh "none", the placement of the file is ignored."""
    placement: str | None
    """Where the proxies run."""
    policies: PolicyOverrides | None
    """Changes to the policies of single edges, merged key by key into those of the file."""
    replicas: Mapping[str, int] | None
    """The number of replicas of single services."""
    addresses: Addresses | None
    """External services. The command, image or language of such a service in the file is ignored."""
    request_faults: bool | None
    """Whether faults can act on single requests, on all edges."""


def given(function: str, keywords: Mapping[str, object]) -> Overrides:
    """Return the overrides among keyword arguments. Raises `TypeError`, as Python does, for any other keyword."""
    known = Overrides.__annotations__
    for name in keywords:
        if name not in known:
            raise TypeError(f"{function}() got an unexpected keyword argument {name!r}{nearest(name, known)}")
    return cast(Overrides, {name: value for name, value in keywords.items() if value is not None})
