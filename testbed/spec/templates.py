"""Names in double braces, as `{{upstream.pricing.address}}`, and what stands for them: pure and strict."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping

from testbed.errors import nearest

_NAME = re.compile(r"\{\{\s*([^{}]*?)\s*\}\}")
PARTS = ("address", "host", "port", "url")


def fill(text: str, values: Mapping[str, str]) -> str:
    """Return the text with a value for each name. Raises `KeyError` for a name without one."""
    return _NAME.sub(lambda found: values[found[1]], text)


def unknown(text: str, names: Collection[str]) -> Iterator[str]:
    """Yield what is wrong with each name in the text that is none of `names`, with the nearest one."""
    for name in dict.fromkeys(_NAME.findall(text)):
        if name not in names:
            yield f"nothing is called {{{{{name}}}}}{nearest(name, names)}"


def names_of(upstreams: Collection[str]) -> tuple[str, ...]:
    """Return the names that a service with these upstreams may use."""
    theirs = (f"upstream.{service}.{part}" for service in upstreams for part in PARTS)
    return (*theirs, *(f"self.{part}" for part in (*PARTS, "name")), "dir")


def parts_of(prefix: str, address: str) -> dict[str, str]:
    """Return the four names of one "host:port", each with its value: `self.address`, `self.host`, ..."""
    host, _, port = address.rpartition(":")
    values = dict(zip(PARTS, (address, host, port, f"http://{address}"), strict=True))
    return {f"{prefix}.{part}": value for part, value in values.items()}
