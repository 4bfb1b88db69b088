"""The plan: what would run, as plain values. A pure function of topology, mesh and address block."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

Role = Literal["app", "proxy", "links", "inlet"]


@dataclass(frozen=True, slots=True)
class Replica:
    """One running copy of a service, with its own loopback address (like a pod)."""

    name: str  # "pricing-1"
    service: str  # "pricing"
    number: int  # 1, 2, ...
    address: str  # "127.50.4.1"


@dataclass(frozen=True, slots=True)
class Link:
    """The network between one caller replica and one callee replica: a Toxiproxy listener of its own.

    `inlet` is the address behind the link at which the inlet takes this link's requests;
    None where the edge runs without request faults, and the link leads straight to `app`.
    """

    name: str  # "checkout-1--pricing-2", unique, also Toxiproxy's proxy name
    caller: str  # replica name, or "client" for the load's own link into the entry
    callee: str  # replica name
    edge: str  # "checkout -> pricing"
    listen: str  # "127.50.4.2:10003", what the caller's proxy is configured with
    inlet: str | None  # "127.50.4.2:20003"
    app: str  # "127.50.4.2:8080"

    @property
    def upstream(self) -> str:
        """Where Toxiproxy forwards to: the inlet, or the app where there is none."""
        return self.inlet or self.app


@dataclass(frozen=True, slots=True)
class Ready:
    """When a process counts as started: `url` answers 200."""

    url: str


@dataclass(frozen=True, slots=True)
class Process:
    """One process to start.

    `argv[0]` is a tool name that the runtime resolves (envoy, toxiproxy, node, python, stub-go), every other
    word may hold `{dir}`, the run's own folder. `env` is added to a small clean environment.
    """

    name: str  # "pricing-1/app", "pricing-1/proxy", "links", "inlet"
    role: Role
    argv: tuple[str, ...]
    ready: Ready
    listens: tuple[str, ...] = ()  # every "ip:port" it binds, for the port-in-use check
    env: Mapping[str, str] = field(default_factory=dict)
    replica: str | None = None


@dataclass(frozen=True, slots=True)
class File:
    """One file to write below the run's folder before anything starts."""

    path: str  # relative: "pricing-1/envoy.json"
    text: str
