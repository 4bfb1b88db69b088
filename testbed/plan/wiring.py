"""What the configuration of a caller needs of its links: the service that each leads to, and names of variables."""

from __future__ import annotations

from collections.abc import Sequence

from testbed.plan.values import Link


def upstreams(links: Sequence[Link]) -> dict[str, list[Link]]:
    """Return the links by the service that they lead to, in the order in which the services first appear."""
    found: dict[str, list[Link]] = {}
    for link in links:
        found.setdefault(callee_service(link), []).append(link)
    return found


def callee_service(link: Link) -> str:
    """Return the service that a link leads to."""
    return link.edge.partition(" -> ")[2]


def variable(service: str) -> str:
    """Return a service's name as it begins an environment variable: "list-price" becomes "LIST_PRICE"."""
    return service.upper().replace("-", "_")


def address_variables(service: str, address: str) -> dict[str, str]:
    """Return `<SERVICE>_URL` and `<SERVICE>_ADDR` for an "ip:port"."""
    return {f"{variable(service)}_URL": f"http://{address}", f"{variable(service)}_ADDR": address}
