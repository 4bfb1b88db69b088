"""Placeholders such as `{{upstream.pricing.address}}`, and their values."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping

from testbed.errors import nearest

_NAME = re.compile(r"\{\{\s*([^{}]*?)\s*\}\}")
PARTS = ("address", "host", "port", "url")


def render(text: str, values: Mapping[str, str]) -> str:
    """Return the text with placeholders replaced by values. Raises `KeyError` for an unknown placeholder."""
    return _NAME.sub(lambda found: values[found[1]], text)


def unknown_placeholders(text: str, names: Collection[str]) -> Iterator[str]:
    """Yield a message for each placeholder that is not in `names`, with the nearest valid one."""
    for name in dict.fromkeys(_NAME.findall(text)):
        if name not in names:
            yield f"unknown placeholder {{{{{name}}}}}{nearest(name, names)}"


def names_of(upstreams: Collection[str]) -> tuple[str, ...]:
    """Return the placeholders that a service with these upstreams may use."""
    of_upstreams = (f"upstream.{service}.{part}" for service in upstreams for part in PARTS)
    return (*of_upstreams, *(f"self.{part}" for part in (*PARTS, "name")), "dir")


def parts_of(prefix: str, address: str) -> dict[str, str]:
    """Return the placeholders of one "host:port" with their values: `self.address`, `self.host`, ..."""
    host, _, port = address.rpartition(":")
    values = dict(zip(PARTS, (address, host, port, f"http://{address}"), strict=True))
    return {f"{prefix}.{part}": value for part, value in values.items()}
