"""What runs have left at the Docker daemon: finds containers and networks by their labels, and removes them."""

from __future__ import annotations

import time
from functools import partial

from testbed.errors import TestbedError, Unavailable
from testbed.runtime.docker import labels
from testbed.runtime.docker.engine import Engine, Refused, at_once
from testbed.runtime.owner import State, state

Found = tuple[str, str, dict[str, str]]  # "container" or "network", its id, its labels
LOOK_S = 2.0  # for a daemon that may not be there
PATIENCE_S = 10.0  # for a network to be free of containers that are being removed
IN_USE = 403  # how the daemon refuses to remove a network with containers in it


def found() -> list[Found]:
    """Return every container and network of any run of ours; none where there is no daemon."""
    try:
        engine = Engine(LOOK_S)
    except Unavailable:
        return []
    try:
        return _listed(engine, {"label": labels.RUN})
    except TestbedError:
        return []
    finally:
        engine.close()


def sweep(engine: Engine) -> None:
    """Remove what dead owners have left; a reaper that does the same just now is no trouble.

    A network in use is left there, and the start goes on: Docker may count one as in use with no container in it, until
    its daemon starts again.
    """
    left = _listed(engine, {"label": labels.RUN})
    owners = {name: labels.owner(marks) for _, name, marks in left}
    dead = {owner for owner in owners.values() if owner is not None and state(owner) is State.DEAD}
    if dead:
        try:
            _remove(engine, [one for one in left if owners[one[1]] in dead], patience_s=0)
        except Refused as refusal:
            if refusal.status != IN_USE:
                raise


def remove(*ids: str) -> None:
    """Remove containers and networks by their ids; those that have gone meanwhile are no trouble."""
    engine = Engine()
    try:
        _remove(engine, [one for one in _listed(engine, {"label": labels.RUN}) if one[1] in ids])
    finally:
        engine.close()


def remove_run(engine: Engine, run: str) -> None:
    """Remove all that belongs to one run, and see that it is gone."""
    deadline = time.monotonic() + PATIENCE_S
    while left := _listed(engine, labels.only(run)):
        if time.monotonic() > deadline:
            what = ", ".join(f"{kind} {name[:12]}" for kind, name, _ in left)
            raise TestbedError(f"removed, but still there after {PATIENCE_S:g} s: {what}")
        _remove(engine, left)


def _listed(engine: Engine, filters: dict[str, str]) -> list[Found]:
    containers = [("container", name, marks) for name, marks in engine.containers(filters)]
    return [*containers, *(("network", name, marks) for name, marks in engine.networks(filters))]


def _remove(engine: Engine, things: list[Found], patience_s: float = PATIENCE_S) -> None:
    """Containers first: a network with containers in it cannot be removed."""
    at_once(engine.remove, [name for kind, name, _ in things if kind == "container"])
    at_once(partial(_remove_network, engine, patience_s), [name for kind, name, _ in things if kind == "network"])


def _remove_network(engine: Engine, patience_s: float, name: str) -> None:
    """Remove a network; wait while it still has containers in it, which another process may be removing."""
    deadline = time.monotonic() + patience_s
    while True:
        try:
            return engine.remove_network(name)
        except Refused as refusal:
            if refusal.status != IN_USE or time.monotonic() > deadline:
                raise
        time.sleep(0.05)
