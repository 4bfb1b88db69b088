"""Resets a mesh between two tests, so that they do not influence each other."""

from __future__ import annotations

import warnings
from collections.abc import Iterable
from typing import TYPE_CHECKING

from testbed.errors import TestbedError
from testbed.experiment.memory import remembering
from testbed.load import clients

if TYPE_CHECKING:
    from testbed.experiment.assembly import Parts
    from testbed.experiment.recording import LoadSession

LEFT_ON = "did not end its load ({}), which was ended and not judged: write `with shop.load(...) as traffic:`"


class Cleaner:
    """Cleans one mesh. It keeps a list of the services to clean."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._faulted: set[str] = set()  # services with a fault since the last reset
        self._cut_off: set[str] = set()  # those whose packets were lost: connections to them may hang for long
        self._broke_connections = False
        self._swaps = 0  # changes of policies so far, each of which restarted proxies

    def note_faulted(self, services: Iterable[str], *, packets: bool = False) -> None:
        """Add services that had a fault; `packets`: their packets were dropped or changed."""
        faulted = set(services)
        self._faulted |= faulted
        self._cut_off |= faulted if packets else set()

    def take_broken_connections(self) -> bool:
        """Return whether we restarted proxies since the last call, which broke connections in the pools of apps."""
        swaps = len(self._parts.swaps.events)
        broke = self._broke_connections or swaps > self._swaps
        self._broke_connections, self._swaps = False, swaps
        return broke

    def clean(self, load: LoadSession | None) -> None:
        """End a running load, heal and restore everything, and reset services that had a fault; fast if all is clean.

        Raises `TestbedError` if a fault stays in force. Warns about a running load.
        """
        if load is not None:
            load.end()
        self._parts.injector.heal_all()
        self._parts.swaps.end_all()
        self._renew(self._revived())
        self._verify()
        self._faulted.clear()
        self._cut_off.clear()
        self._forget()
        if load is not None:
            warn_of(load, stacklevel=4)

    def _forget(self) -> None:
        """Forget what only the history of a past load needs: a session of many tests keeps its memory."""
        swaps = self._parts.swaps.events
        self._broke_connections |= len(swaps) > self._swaps
        swaps.clear()
        self._swaps = 0
        self._parts.injector.ledger.forget()

    def _revived(self) -> list[str]:
        """Restart dead apps, and return their names."""
        runtime = self._parts.runtime
        apps = [process.name for process in self._parts.plan.processes if process.role == "app"]
        dead = [name for name in apps if not runtime.alive(name)]
        for name in dead:
            runtime.restart(name)
        self._parts.recorder.restarted(dead)
        return dead

    def _renew(self, revived: list[str]) -> None:
        """Reset the state of the services, and restart the proxies that keep a state of the last test.

        A restart breaks the connections that apps keep to their proxy, so no other proxy is restarted.
        """
        if self._faulted or revived:
            proxies = self._with_a_state()
            self._parts.runtime.restart_all(sorted(proxies))
            self._parts.recorder.restarted(sorted(proxies))
            self._broke_connections |= bool(proxies)
            self._reset_services()

    def _with_a_state(self) -> set[str]:
        plan = self._parts.plan
        cut_off = set(plan.proxies_above(self._cut_off))
        may = {*plan.proxies_that_remember(self._faulted)} - cut_off
        return cut_off.union(remembering(plan, self._parts.recorder, may))

    def _reset_services(self) -> None:
        plan, reach = self._parts.plan, self._parts.runtime.reach
        for replica in plan.replicas:
            service = plan.topology.services[replica.service]
            if service.reset_path:
                address = replica.app if replica.external else reach(replica.app)
                clients.forget(address, service.reset_path, service.protocol)

    def _verify(self) -> None:
        if left := self._parts.links.verify_clean():
            raise TestbedError(f"links that are not clean after healing: {', '.join(left)}")
        if rules := self._parts.packets.left():
            raise TestbedError(f"packet rules that are in force after healing: {', '.join(rules)}")


def warn_of(load: LoadSession, stacklevel: int) -> None:
    """Warn about a load that its test left on: name the test and the phases."""
    phases = ", ".join(dict.fromkeys(phase.name for phase in load.traffic.phases)) or "it never ran"
    warnings.warn(f"{load.record.test} {LEFT_ON.format(phases)}", stacklevel=stacklevel)
