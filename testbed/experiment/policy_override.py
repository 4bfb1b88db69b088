"""Changes policies on a running mesh: the services continue, the proxies with a changed policy restart."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from types import TracebackType
from typing import TYPE_CHECKING

from testbed import clock
from testbed.errors import TestbedError
from testbed.experiment.arm import Arm
from testbed.experiment.planning import plan_for
from testbed.experiment.rejected_config import explain
from testbed.history.events import PolicyEvent
from testbed.mesh import mesh_named
from testbed.plan.make import Plan
from testbed.plan.values import File, Process
from testbed.runtime import Death, NotReady, Runtime

if TYPE_CHECKING:
    from testbed.spec.overrides import PolicyOverrides

Still = Callable[[Sequence[str]], AbstractContextManager[None]]


class ActiveOverrides:
    """All overrides in force, and the only object that changes them."""

    def __init__(self, plan: Plan, runtime: Runtime, still: Still, arm: Arm = Arm.AS_WRITTEN) -> None:
        """`still` returns a `with` block without a request under way, in which these proxies restart."""
        self._base, self._runtime, self._still, self._arm = plan, runtime, still, arm
        self._active: list[PolicyOverride] = []
        self.plan = plan
        self.events: list[PolicyEvent] = []
        self.refused: list[Death] = []  # proxies that exited because they refused the policies

    def begin(self, overrides: PolicyOverrides) -> PolicyOverride:
        """Put overrides in force in addition to the present ones, and verify them. A failure changes nothing."""
        if not overrides:
            how = "name an edge, as in override_policies({'a -> b': {...}})"
            raise TestbedError(f"override_policies({{}}) changes nothing: {how}")
        swap = PolicyOverride(self, overrides)
        if self._arm is not Arm.WITHOUT_POLICIES:
            self._change([*self._active, swap], ", ".join(map(str, overrides)))
            self._active.append(swap)
        return swap

    def end(self, swap: PolicyOverride) -> None:
        """Remove overrides; later overrides stay."""
        if swap in self._active:
            self._active.remove(swap)
            self._change(self._active, "restored")

    def end_all(self) -> None:
        """Restore the policies from the start of the mesh."""
        if self._active:
            self._active.clear()
            self._change([], "restored")

    def _change(self, wanted: Sequence[PolicyOverride], text: str) -> None:
        """Restart the proxies with a changed configuration, and read it back."""
        old, new = self.plan, self._planned(wanted)
        changed = {proxy.name: (proxy, file) for proxy, file in _changed(old, new)}
        with self._still(tuple(changed)):
            try:
                self._restart(changed)
            except BaseException as problem:
                self._restart({name: (proxy, _file(old, file.path)) for name, (proxy, file) in changed.items()})
                if isinstance(problem, NotReady):
                    self.refused += [death for death in self._runtime.deaths() if death.name == problem.process][-1:]
                    raise explain(problem, new) from problem
                raise
            self.plan = new
            self.events.append(PolicyEvent(clock.now(), text, new.topology.recorded()))

    def _planned(self, wanted: Sequence[PolicyOverride]) -> Plan:
        topology = self._base.topology
        for swap in wanted:
            topology = topology.with_overrides(policies=swap.overrides)
        again = plan_for(topology, self._base.space)
        return replace(self._base, topology=topology, files=again.files)

    def _restart(self, changed: dict[str, tuple[Process, File]]) -> None:
        self._runtime.write([file for _, file in changed.values()])
        self._runtime.restart_all(changed)
        mesh = mesh_named(self._base.topology.mesh)
        for name, (proxy, file) in changed.items():
            if wrong := mesh.drift(self._runtime.reach(proxy.listens[0]), file.text):
                raise TestbedError(f"{name} runs other policies than requested: {wrong}")


class PolicyOverride:
    """Policies in force, until `restore()` or the end of the `with` block."""

    def __init__(self, swaps: ActiveOverrides, overrides: PolicyOverrides) -> None:
        self._swaps, self.overrides = swaps, overrides

    def restore(self) -> None:
        """Restore the old policies; a second call does nothing."""
        self._swaps.end(self)

    def __enter__(self) -> PolicyOverride:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.restore()


def _changed(old: Plan, new: Plan) -> list[tuple[Process, File]]:
    """The proxies with a different configuration, each with its new file."""
    texts = {file.path: file.text for file in old.files}
    files = [file for file in new.files if texts[file.path] != file.text]
    return [(proxy, file) for file in files for proxy in new.processes if f"{{dir}}/{file.path}" in proxy.argv]


def _file(plan: Plan, path: str) -> File:
    return next(file for file in plan.files if file.path == path)
