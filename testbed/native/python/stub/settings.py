"""The environment of the stub: its name, its address, its behaviour, its upstreams."""

from __future__ import annotations

import itertools
import os

from .behaviour import BadInput, called, read

REQUIRED = ("ADDR", "PORT", "SERVICE", "REPLICA", "SEED", "BEHAVIOUR")


class Upstream:
    """Where calls to one upstream go: `hosts` in turn, and what stands before the path in the request line."""

    def __init__(self, name: str, hosts: list[str], prefix: str = "") -> None:
        self.name = name
        self.prefix = prefix
        self._hosts = itertools.cycle(hosts)

    def next_host(self) -> str:
        """Return the "ip:port" for the next try: round robin where there are several."""
        return next(self._hosts)


class Settings:
    """The environment, checked. Raises `BadInput` for a variable that is missing or wrong."""

    def __init__(self, env: dict[str, str]) -> None:
        for name in REQUIRED:
            if not env.get(name):
                raise BadInput(f"{name} is not set")
        self.address = env["ADDR"]
        self.port = _port(env["PORT"])
        self.service = env["SERVICE"]
        self.replica = env["REPLICA"]
        self.seed = env["SEED"]
        _integer("SEED", self.seed)
        self.behaviour = read(env["BEHAVIOUR"])
        wiring = self.behaviour["wiring"]
        self.upstreams = {
            to: _rpc_upstream(to, env) if protocol == "grpc" else _upstream(to, wiring, env)
            for to, protocol in called(self.behaviour).items()
        }
        self.attempt_log = _appendable(env.get("ATTEMPT_LOG", ""))


def _integer(name: str, text: str) -> int:
    if not text.removeprefix("-").isdecimal():
        raise BadInput(f"{name} is not a whole number: {text!r}")
    return int(text)


def _port(text: str) -> int:
    number = _integer("PORT", text)
    if not 0 <= number <= 65535:
        raise BadInput(f"PORT is not a port: {text}")
    return number


def _upstream(name: str, wiring: str, env: dict[str, str]) -> Upstream:
    prefix = name.upper().replace("-", "_")
    if urls := env.get(f"{prefix}_URLS"):
        return Upstream(name, [_host(f"{prefix}_URLS", url) for url in urls.split(",")])
    if wiring == "proxy":
        return Upstream(name, [_host("HTTP_PROXY", env.get("HTTP_PROXY", ""))], f"http://{name}")
    return Upstream(name, [_host(f"{prefix}_URL", env.get(f"{prefix}_URL", ""))])


def _rpc_upstream(name: str, env: dict[str, str]) -> Upstream:
    """Where gRPC calls go: `<UPSTREAM>_ADDR`, or `<UPSTREAM>_URLS` where the stub balances itself."""
    prefix = name.upper().replace("-", "_")
    if urls := env.get(f"{prefix}_URLS"):
        return Upstream(name, [_host(f"{prefix}_URLS", url) for url in urls.split(",")])
    address = env.get(f"{prefix}_ADDR", "")
    return Upstream(name, [_host(f"{prefix}_ADDR", f"http://{address}" if address else "")])


def _host(name: str, url: str) -> str:
    scheme, _, rest = url.strip().partition("://")
    host, colon, port = rest.rstrip("/").rpartition(":")
    if scheme != "http" or not (host and colon and port.isdigit()) or "/" in rest.rstrip("/"):
        raise BadInput(f"{name} is not http://ip:port: {url!r}" if url else f"{name} is not set")
    return f"{host}:{port}"


def _appendable(path: str) -> int | None:
    if not path:
        return None
    try:
        return os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o644)
    except OSError as error:
        raise BadInput(f"ATTEMPT_LOG cannot be written: {error}") from None
