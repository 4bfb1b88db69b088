"""What faults do to processes, each deed and its undoing on record."""

from __future__ import annotations

import time
from collections.abc import Callable

from testbed.faults.operations import Signal
from testbed.history.events import ProcessEvent
from testbed.injection.engines import ProcessControl


class Signals:
    """Carries out signals, and remembers when."""

    def __init__(self, processes: ProcessControl) -> None:
        self._processes = processes
        self.events: list[ProcessEvent] = []

    def cannot(self, action: str) -> str:
        """Why an action is not possible here, "" if it is."""
        return self._processes.cannot(action)

    def apply(self, signal: Signal) -> None:
        """Do it; returns when it is seen done."""
        processes, amount = self._processes, signal.amount
        act: dict[str, tuple[Callable[[str], None], str]] = {
            "kill": (processes.kill, "killed"),
            "pause": (processes.pause, "paused"),
            "restart": (processes.restart, "restarted"),
            "terminate": (lambda name: processes.terminate(name, amount), f"asked to end, within {amount:g} s"),
            "cpu": (lambda name: processes.throttle(name, amount), f"given {amount:g} of a processor"),
            "memory": (lambda name: processes.confine(name, int(amount)), f"given {amount:g} MiB"),
        }
        self._record(signal.process, *act[signal.action])

    def undo(self, signal: Signal) -> None:
        """Undo it, if it is anything that lasts."""
        processes = self._processes
        act = {
            "kill": (processes.restart, "started"),
            "pause": (processes.resume, "resumed"),
            "cpu": (processes.unthrottle, "resumed"),
            "memory": (processes.restart, "restarted"),
        }
        if signal.action in act:
            self._record(signal.process, *act[signal.action])

    def _record(self, process: str, act: Callable[[str], None], event: str) -> None:
        act(process)
        self.events.append(ProcessEvent(time.time(), process, event))
