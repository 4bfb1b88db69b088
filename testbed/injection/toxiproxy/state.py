"""The state of all links as Toxiproxy tells it, against what was asked for."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from testbed.faults.operations import LinkOperation, Toxic
from testbed.faults.toxics import checked

Ways = Mapping[str, tuple[str, str]]  # the name of a link -> where it listens, and where it leads


def name(toxic: Toxic) -> str:
    """Return the name of a toxic at Toxiproxy."""
    return f"{toxic.kind}_{toxic.stream}"


def toxic(one: Toxic, attributes: Mapping[str, int]) -> dict[str, Any]:
    """Return a toxic as Toxiproxy takes and tells it."""
    return {
        "name": name(one),
        "type": one.kind,
        "stream": one.stream,
        "toxicity": 1,  # Toxiproxy draws a share for each connection, not for each request
        "attributes": dict(attributes),
    }


def differences(proxies: Mapping[str, Any], ways: Ways, operations: Sequence[LinkOperation]) -> list[str]:
    """Return in words how the answer to `/proxies` differs from these ways with these operations in force."""
    unknown = [f"Toxiproxy has a link {name} that this run did not make" for name in proxies if name not in ways]
    found = [text for name, way in ways.items() for text in _of_a_link(name, way, proxies.get(name), operations)]
    return unknown + found


def _of_a_link(
    link: str, way: tuple[str, str], found: Mapping[str, Any] | None, operations: Sequence[LinkOperation]
) -> Iterator[str]:
    if found is None:
        yield f"the link {link} is gone"
        return
    mine = [one for one in operations if one.link == link]
    ours = [toxic(one, checked(one)) for one in mine if isinstance(one, Toxic)]
    is_open = not any(not isinstance(one, Toxic) for one in mine)
    if found["enabled"] is not is_open:
        yield f"the link {link} is {'closed' if is_open else 'open'}, which this run did not ask for"
    if (found["listen"], found["upstream"]) != way:
        yield f"the link {link} leads from {found['listen']} to {found['upstream']}, not from {way[0]} to {way[1]}"
    for one in found["toxics"]:
        if one not in ours:
            yield f"the link {link} has a toxic {one['name']} that this run did not set ({one['attributes']})"
    for one in ours:
        if one not in found["toxics"]:
            yield f"the link {link} has lost the toxic {one['name']} of this run"
