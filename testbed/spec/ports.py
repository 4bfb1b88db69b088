"""The ports of every replica at its address, and the first ports of the testbed's links and inlets."""

from __future__ import annotations

from typing import Annotated

from testbed.spec.base import Model, whole

LINKS, INLETS = 10_000, 20_000
"""The first ports of links and of inlets at every address."""

_Port = Annotated[int, whole(least=1, most=LINKS - 1)]


class Ports(Model):
    """The ports of every replica at its address. The testbed uses 10000 and above."""

    app: _Port = 8080
    """The application."""
    proxy: _Port = 4140
    """The proxy's HTTP_PROXY listener. The listeners for single upstreams use the next ports."""
    admin: _Port = 9990
    """The proxy's admin interface."""
