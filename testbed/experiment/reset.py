"""A mesh as at its start: what is done between two tests, so that neither sees anything of the other."""

from __future__ import annotations

import warnings
from collections.abc import Iterable
from typing import TYPE_CHECKING

from testbed.errors import TestbedError
from testbed.load import clients

if TYPE_CHECKING:
    from testbed.experiment.assembly import Parts
    from testbed.experiment.recording import LoadSession

LEFT_ON = "a test left its load on, and nothing of it was judged: write `with shop.load(...) as traffic:`"


class Cleaner:
    """Cleans one mesh, and remembers what there is to clean."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._faulted: set[str] = set()  # services that saw a fault since the mesh was last clean

    def broke(self, services: Iterable[str]) -> None:
        """Be told that these services saw a fault."""
        self._faulted |= set(services)

    def clean(self, load: LoadSession | None) -> None:
        """End a load that was left on, heal and restore everything, and renew what saw a fault; quick if all is clean.

        Raises `TestbedError` if something stays broken. Warns of a load that was left on.
        """
        if load is not None:
            load.end()
        self._parts.injector.heal_all()
        self._parts.swaps.end_all()
        self._renew(self._revived())
        self._verify()
        self._faulted.clear()
        if load is not None:
            warnings.warn(LEFT_ON, stacklevel=3)

    def _revived(self) -> list[str]:
        """Start the apps again that are dead, and return their names."""
        runtime = self._parts.runtime
        apps = [process.name for process in self._parts.plan.processes if process.role == "app"]
        dead = [name for name in apps if not runtime.alive(name)]
        for name in dead:
            runtime.restart(name)
        self._parts.recorder.restarted(dead)
        return dead

    def _renew(self, revived: list[str]) -> None:
        """Take their state from the proxies above what saw a fault, and from the services, if anything did."""
        if self._faulted or revived:
            proxies = self._parts.plan.proxies_above(self._faulted)
            self._parts.runtime.restart_all(proxies)
            self._parts.recorder.restarted(proxies)
            self._reset_services()

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
