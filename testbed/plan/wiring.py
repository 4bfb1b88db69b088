"""Helpers for the configuration of a caller: its links by upstream, and the names of environment variables."""

from __future__ import annotations

from collections.abc import Sequence

from testbed.plan.values import Link


def upstreams(links: Sequence[Link]) -> dict[str, list[Link]]:
    """Return the links grouped by upstream service, in order of first appearance."""
    found: dict[str, list[Link]] = {}
    for link in links:
        found.setdefault(callee_service(link), []).append(link)
    return found


def callee_service(link: Link) -> str:
    """Return the upstream service of a link."""
    return link.edge.partition(" -> ")[2]


def variable(service: str) -> str:
    """Return the prefix of the environment variables for a service: "list-price" becomes "LIST_PRICE"."""
    return service.upper().replace("-", "_")


def address_variables(service: str, address: str) -> dict[str, str]:
    """Return `<SERVICE>_URL` and `<SERVICE>_ADDR` for an "ip:port"."""
    return {f"{variable(service)}_URL": f"http://{address}", f"{variable(service)}_ADDR": address}
