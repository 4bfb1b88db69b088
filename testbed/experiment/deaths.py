"""Deaths of processes: an app that dies during a load is a finding, any other death is a testbed error."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from testbed.errors import TestbedError
from testbed.history.deaths import is_finding
from testbed.history.events import FaultEvent, ProcessEvent
from testbed.runtime import Death, Runtime, open_files


class Deaths:
    """Reports each death once, to the load that is on."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime, self._seen = runtime, 0

    def since(self, began: float, faults: Sequence[FaultEvent], expected: Collection[Death] = ()) -> list[ProcessEvent]:
        """Return the apps that died since a load began; deaths of earlier faults are left out.

        `faults` are all faults of the mesh so far. Raises `TestbedError` for any other death that was not `expected`.
        """
        unseen = self._runtime.deaths()[self._seen :]
        self._seen += len(unseen)
        deaths = [death for death in unseen if not _earlier(death, began, faults) and death not in expected]
        return [self._finding(death, began) for death in deaths]

    def _finding(self, death: Death, began: float) -> ProcessEvent:
        words = open_files.named(self._runtime.log_tail(death.name))
        if death.at < began or not is_finding(death.name):
            raise TestbedError(f"{death.name} died ({death.how}); last lines of its log:\n{words}")
        return ProcessEvent(death.at, death.name, "died", f"{death.how}\n{words}")


def _earlier(death: Death, began: float, faults: Sequence[FaultEvent]) -> bool:
    """Whether an app died of a fault before this load began, so that it does not concern this run."""
    if death.at >= began or not death.name.endswith("/app"):
        return False
    return any(fault.injected and fault.start <= death.at <= fault.end for fault in faults)
