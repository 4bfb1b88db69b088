"""Finds containers and networks of runs by their labels, and removes them."""

from __future__ import annotations

import time
from functools import partial

from testbed.errors import TestbedError, Unavailable
from testbed.runtime.docker import labels
from testbed.runtime.docker.engine import Engine, Refused, at_once
from testbed.runtime.owner import State, state

Found = tuple[str, str, dict[str, str]]  # "container" or "network", its id, its labels
LOOK_S = 2.0  # time limit of the daemon
PATIENCE_S = 10.0  # time limit until a network has no containers
IN_USE = 403  # HTTP status of the daemon for a network with containers


def found() -> list[Found]:
    """Return all containers and networks of this user's runs; none if there is no daemon."""
    try:
        engine = Engine(LOOK_S)
    except Unavailable:
        return []
    try:
        return _mine(engine)
    except TestbedError:
        return []
    finally:
        engine.close()


def sweep(engine: Engine) -> None:
    """Remove the resources of this user's dead owners. A reaper may do the same at the same time.

    A network in use remains, and the start continues: Docker may count an empty network as in use until the daemon
    restarts.
    """
    left = _mine(engine)
    owners = {name: labels.owner(marks) for _, name, marks in left}
    dead = {owner for owner in owners.values() if owner is not None and state(owner) is State.DEAD}
    if dead:
        try:
            remove_things(engine, [one for one in left if owners[one[1]] in dead], patience_s=0)
        except Refused as refusal:
            if refusal.status != IN_USE:
                raise


def remove(*ids: str) -> None:
    """Remove containers and networks of this user by their ids, if they still exist."""
    engine = Engine()
    try:
        remove_things(engine, [one for one in _mine(engine) if one[1] in ids])
    finally:
        engine.close()


def remove_run(engine: Engine, run: str) -> None:
    """Remove everything of one run, and verify it."""
    deadline = time.monotonic() + PATIENCE_S
    while left := _listed(engine, labels.only(run)):
        if time.monotonic() > deadline:
            what = ", ".join(f"{kind} {name[:12]}" for kind, name, _ in left)
            raise TestbedError(f"removed, but still present after {PATIENCE_S:g} s: {what}")
        remove_things(engine, left)


def _mine(engine: Engine) -> list[Found]:
    """A label decides: where /proc hides the processes of others, their living owners look dead."""
    return [one for one in _listed(engine, {"label": labels.RUN}) if labels.is_of_this_user(one[2])]


def _listed(engine: Engine, filters: dict[str, str]) -> list[Found]:
    containers = [("container", name, marks) for name, marks in engine.containers(filters)]
    return [*containers, *(("network", name, marks) for name, marks in engine.networks(filters))]


def remove_things(engine: Engine, things: list[Found], patience_s: float = PATIENCE_S) -> None:
    """Containers first: a network with containers in it cannot be removed."""
    at_once(engine.remove, [name for kind, name, _ in things if kind == "container"])
    at_once(partial(_remove_network, engine, patience_s), [name for kind, name, _ in things if kind == "network"])


def _remove_network(engine: Engine, patience_s: float, name: str) -> None:
    """Remove a network. Wait while it still has containers that another process may be removing."""
    deadline = time.monotonic() + patience_s
    while True:
        try:
            return engine.remove_network(name)
        except Refused as refusal:
            if refusal.status != IN_USE or time.monotonic() > deadline:
                raise
        time.sleep(0.05)
