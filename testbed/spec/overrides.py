"""What one test may have different from the file: the keywords of `topology`, `start` and `with_overrides`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypedDict, cast

from testbed.errors import nearest

PolicyOverrides = Mapping[str, Mapping[str, Any] | None]
"""By edge, what changes in its policy; None removes the policy."""
Addresses = Mapping[str, str | tuple[str, int]]
"""By service, where it runs already."""


class Overrides(TypedDict, total=False):
    """What is different from the file; None, like what is not there, leaves a thing as it is."""

    mesh: str | None
    """Who enforces the policies. With none there is nothing to place, so a file's placement is left out."""
    placement: str | None
    """Where the proxies run."""
    policies: PolicyOverrides | None
    """What changes in the policies of single edges, merged key by key into those of the file."""
    replicas: Mapping[str, int] | None
    """How many copies of single services run."""
    addresses: Addresses | None
    """Services that run already; of how such a service was to be started, nothing is left."""
    request_faults: bool | None
    """Whether requests can be delayed or aborted one by one, on all edges."""


def given(function: str, keywords: Mapping[str, object]) -> Overrides:
    """Return the overrides among keyword arguments. Raises `TypeError`, as Python does, for any other keyword."""
    known = Overrides.__annotations__
    for name in keywords:
        if name not in known:
            raise TypeError(f"{function}() got an unexpected keyword argument {name!r}{nearest(name, known)}")
    return cast(Overrides, {name: value for name, value in keywords.items() if value is not None})
