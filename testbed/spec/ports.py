"""Ports that every replica has on its own address, and where the ports of the testbed's own listeners begin."""

from __future__ import annotations

from typing import Annotated

from testbed.spec.base import Model, whole

LINKS, INLETS = 10_000, 20_000
"""Where the ports of links and of inlets begin on every address."""

_Port = Annotated[int, whole(least=1, most=LINKS - 1)]


class Ports(Model):
    """The ports that every replica has on its own address; 10000 and above belong to the testbed."""

    app: _Port = 8080
    """The application."""
    proxy: _Port = 4140
    """The proxy's HTTP_PROXY listener; the listeners for single upstreams follow from the next port on."""
    admin: _Port = 9990
    """The proxy's own administration."""
