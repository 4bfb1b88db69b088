"""Actions of faults on processes. Each action and its opposite are recorded."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

from testbed import clock
from testbed.faults.operations import ProcessAction
from testbed.history.events import ProcessEvent
from testbed.injection.engines import Engine, NotPossible, all_at_once
from testbed.injection.namespaces import LINKS
from testbed.runtime import Drain, Ending


class ProcessControl(Protocol):
    """The needed part of the runtime; each call returns after its effect has been verified."""

    def kill(self, name: str) -> None:
        """Kill it."""

    def pause(self, name: str) -> None:
        """Stop it."""

    def resume(self, name: str) -> None:
        """Continue it."""

    def restart(self, name: str) -> None:
        """Start it (again) and wait until it is ready."""

    def terminate(self, name: str, within_s: float, drain: Drain) -> Ending:
        """Send SIGTERM, and kill it after this time. Return how it ended."""

    def throttle(self, name: str, share: float) -> None:
        """Give it only this share of one CPU."""

    def unthrottle(self, name: str) -> None:
        """Remove its CPU limit."""

    def confine(self, name: str, mb: int) -> None:
        """Restart it with this memory limit (MiB)."""

    def cannot(self, action: str) -> str:
        """Why an action is not possible here, "" if it is."""


class ProcessActions(Engine[ProcessAction]):
    """Carries out actions on processes, and records their times."""

    handles = (ProcessAction,)

    def __init__(self, processes: ProcessControl) -> None:
        self._processes = processes
        self.events: list[ProcessEvent] = []

    def require(self, operations: Sequence[ProcessAction], *, dry: bool) -> None:
        """Raise `NotPossible`, also if `dry`, for actions that this runtime does not have."""
        for operation in operations:
            if why := self._processes.cannot(operation.action):
                raise NotPossible(why)

    def apply(self, operations: Sequence[ProcessAction]) -> None:
        """Do all at the same time; returns after they have been verified."""
        all_at_once(self._do, operations)

    def undo(self, operations: Sequence[ProcessAction]) -> None:
        """Undo all lasting actions at the same time."""
        all_at_once(self._undo, operations)

    def _do(self, operation: ProcessAction) -> None:
        if operation.action == "terminate":
            return self._terminate(operation)
        processes, amount = self._processes, operation.amount
        act: dict[str, tuple[Callable[[str], None], str]] = {
            "kill": (processes.kill, "killed"),
            "pause": (processes.pause, "paused"),
            "restart": (processes.restart, "restarted"),
            "cpu": (lambda name: processes.throttle(name, amount), f"limited to {amount:g} of a CPU"),
            "memory": (lambda name: processes.confine(name, int(amount)), f"limited to {amount:g} MiB"),
        }
        self._record(operation.process, *act[operation.action])

    def _undo(self, operation: ProcessAction) -> None:
        processes = self._processes
        act = {
            "kill": (processes.restart, "started"),
            "pause": (processes.resume, "resumed"),
            "cpu": (processes.unthrottle, "resumed"),
            "memory": (processes.restart, "restarted"),
        }
        if operation.action in act:
            self._record(operation.process, *act[operation.action])

    def _terminate(self, operation: ProcessAction) -> None:
        name, within_s = operation.process, operation.amount
        drain = Drain(LINKS, operation.links, operation.drain_delay_ms / 1000, operation.pre_stop_ms / 1000)
        ending = self._processes.terminate(name, within_s, drain)
        self.events.append(ProcessEvent(ending.asked, name, f"sent SIGTERM, to end within {within_s:g} s"))
        self.events.append(ProcessEvent(ending.at, name, ending.event, ending.detail, ending.left))

    def _record(self, process: str, act: Callable[[str], None], event: str) -> None:
        act(process)
        self.events.append(ProcessEvent(clock.now(), process, event))
