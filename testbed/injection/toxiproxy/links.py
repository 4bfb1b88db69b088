"""Links: one Toxiproxy for the whole run. Every call has a timeout, and every change is read back."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

from testbed.errors import FaultError, TestbedError, nearest
from testbed.faults.operations import Blackhole, LinkDown, LinkOperation, Toxic
from testbed.faults.toxics import checked
from testbed.injection.namespaces import LINKS, EnterCommandFor, same_namespace
from testbed.injection.toxiproxy import state
from testbed.injection.toxiproxy.blackhole import Held, hold_address
from testbed.injection.toxiproxy.client import Send, authorization, client
from testbed.plan.values import File, Link, Process, Ready
from testbed.runtime.http import ask
from testbed.runtime.unix_sockets import is_unix, path_of

CONFIG = "links/toxiproxy.json"
TOKEN = "links/token"  # in a container; its Toxiproxy writes it
# Toxiproxy passes data from goroutine to goroutine. This is faster in one thread, and leaves the other CPUs to the
# services. It has little data, so garbage collection can be rare. Measured: benchmarks/README.md.
_ENVIRONMENT = {"LOG_LEVEL": "error", "GOMAXPROCS": "1", "GOGC": "800"}
GLANCE_S = 2.0  # to look at all links between two phases; other evidence tells of a Toxiproxy that does not answer
TIMEOUT_S = 20.0  # an overloaded machine may need 5; a dead server refuses at once


def toxiproxy_config(links: Iterable[Link]) -> str:
    """Return the text for Toxiproxy's `-config`: all links open from the start."""
    rows = [{"name": link.name, "listen": link.listen, "upstream": link.upstream, "enabled": True} for link in links]
    return json.dumps(rows)


def links_process(links: Sequence[Link], api: str) -> tuple[Process, list[File]]:
    """Return the Toxiproxy of these links, controlled at `api` ("unix:{dir}/PATH", or "ip:port" with a token)."""
    argv, ready, own = _control(api)
    argv = ("toxiproxy", *argv, "-config", f"{{dir}}/{CONFIG}")
    listens = (*own, *(link.listen for link in links))
    return Process(LINKS, "links", argv, ready, listens, _ENVIRONMENT), [File(CONFIG, toxiproxy_config(links))]


def _control(api: str) -> tuple[tuple[str, ...], Ready, tuple[str, ...]]:
    """Return the arguments for the API, its readiness, and the ports that it needs."""
    if is_unix(api):  # relative to the folder of the run, in which it starts: so the path is never too long
        return ("-socket", path_of(api).removeprefix("{dir}/")), Ready(api), ()
    return ("-listen", api, "-token", f"{{dir}}/{TOKEN}"), Ready(f"http://{api}/version"), (api,)


class Links:
    """Controls the links of a running Toxiproxy. Thread-safe.

    Every method raises `TestbedError` if the server does not answer in time or has another state than requested.
    """

    def __init__(
        self,
        api_address: str,
        timeout_s: float = TIMEOUT_S,
        inside: EnterCommandFor = same_namespace,
        links: Sequence[Link] = (),
        token: Path | None = None,
    ) -> None:
        """`links` are the planned ones; `inside` returns the command prefix for their network.

        `token` is the file with the token, which an `api_address` with a port needs.
        """
        self._address, self._timeout_s, self._inside, self._token = api_address, timeout_s, inside, token
        self._ways = {link.name: (link.listen, link.upstream) for link in links}
        self._send: Send | None = None
        self._held: dict[str, Held] = {}

    def require(self, operations: Iterable[LinkOperation]) -> None:
        """Raise `Unsupported`, with the reason, if these are not possible here, before anything is done."""
        if any(isinstance(operation, Blackhole) for operation in operations):
            self._inside(LINKS)

    def apply(self, operation: LinkOperation) -> None:
        """Add a toxic, close a link or take it off the network, and verify it.

        Raises `FaultError`, before anything is sent, for an invalid toxic or an unknown link.
        """
        match operation:
            case Toxic():
                self._add(operation, checked(operation))
            case LinkDown(link):
                self._enable(link, False)
            case Blackhole(link):
                enter = self._inside(LINKS)
                self._enable(link, False)
                self._held[link] = hold_address(self._ask("get", _path(link), link)["listen"], enter)

    def undo(self, operation: LinkOperation) -> None:
        """Remove the toxic or open the link again, and verify it."""
        match operation:
            case Toxic():
                path = f"{_path(operation.link)}/toxics/{quote(state.name(operation))}"
                self._ask("delete", path, operation.link)
                if any(toxic["name"] == state.name(operation) for toxic in self._toxics(operation.link)):
                    raise TestbedError(f"the {operation.kind} on {operation.link} was removed, but it is still there")
            case LinkDown(link) | Blackhole(link):
                self._release(link)
                self._enable(link, True)

    def close(self) -> None:
        """Release the blackholes, without a request to the server."""
        for link in list(self._held):
            self._release(link)

    def verify_clean(self) -> list[str]:
        """Return the names of the links that are closed or have a toxic."""
        proxies = self._ask("get", "/proxies")
        return sorted(name for name, proxy in proxies.items() if proxy["toxics"] or not proxy["enabled"])

    def foreign(self, operations: Sequence[LinkOperation]) -> list[str]:
        """Return in words how the links differ from these operations; [] if Toxiproxy does not answer at once."""
        try:
            headers = authorization(self._token)
            status, text = ask(self._address, "/proxies", "", headers=headers, timeout_s=GLANCE_S)
        except (TestbedError, OSError):
            return []
        return state.differences(json.loads(text), self._ways, operations) if status == 200 else []

    def _add(self, toxic: Toxic, attributes: Mapping[str, int]) -> None:
        wanted = state.toxic(toxic, attributes)
        self._ask("post", f"{_path(toxic.link)}/toxics", toxic.link, json=wanted)
        found = [one for one in self._toxics(toxic.link) if one["name"] == state.name(toxic)]
        if found != [wanted]:
            raise TestbedError(f"{wanted} was added to {toxic.link}, but it has {found or 'no such toxic'}")

    def _release(self, link: str) -> None:
        held = self._held.pop(link, None)
        if held is not None:
            held.close()

    def _enable(self, link: str, enabled: bool) -> None:
        self._ask("post", _path(link), link, json={"enabled": enabled})
        if self._ask("get", _path(link), link)["enabled"] is not enabled:
            raise TestbedError(f"{link} was {'opened' if enabled else 'closed'}, but it is not")

    def _toxics(self, link: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self._ask("get", f"{_path(link)}/toxics", link)
        return found

    def _ask(self, method: str, path: str, link: str = "", **body: Any) -> Any:
        self._send = send = self._send or client(self._address)
        try:
            response = send(method, path, self._timeout_s, headers=authorization(self._token), **body)
        except Exception as problem:  # three of the client, and any of requests
            raise self._failure(problem, link) from problem
        if response.status_code >= 300:
            raise TestbedError(f"Toxiproxy answered {response.status_code} to {method} {path}: {response.text[:200]}")
        return response.json() if response.content else None

    def _failure(self, problem: Exception, link: str) -> TestbedError:
        from toxiproxy.exceptions import NotFound

        if not isinstance(problem, NotFound):
            return TestbedError(f"Toxiproxy at {self._address}, {link or 'all links'}: {problem!r}")
        known = self._ask("get", "/proxies")
        if link in known:
            return TestbedError(f"Toxiproxy has no such toxic on {link}: {problem}")
        return FaultError(f"there is no link {link!r}{nearest(link, known)}")


def _path(link: str) -> str:
    return f"/proxies/{quote(link, safe='')}"
