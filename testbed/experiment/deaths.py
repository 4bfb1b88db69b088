"""Deaths of processes: of an app under a fault a finding, any other trouble of the testbed's own."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from testbed.errors import TestbedError
from testbed.history.events import FaultEvent, ProcessEvent
from testbed.runtime import Death, Runtime


class Deaths:
    """Tells each load of the deaths that nobody has been told of."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime, self._seen = runtime, 0

    def since(self, began: float, faults: Sequence[FaultEvent], expected: Collection[Death] = ()) -> list[ProcessEvent]:
        """Return the apps that died of a fault that was in force since a load began; those before are left out.

        `faults` are all that there ever were. Raises `TestbedError` for any other death that was not `expected`.
        """
        unseen = self._runtime.deaths()[self._seen :]
        self._seen += len(unseen)
        deaths = [death for death in unseen if not _earlier(death, began, faults) and death not in expected]
        first = min((one.start for one in faults if one.injected and one.end >= began), default=float("inf"))
        return [self._finding(death, first) for death in deaths]

    def _finding(self, death: Death, first: float) -> ProcessEvent:
        words = self._runtime.log_tail(death.name)
        if not death.name.endswith("/app") or death.at < first:
            raise TestbedError(f"{death.name} died ({death.how}); its last words:\n{words}")
        return ProcessEvent(death.at, death.name, "died", f"{death.how}\n{words}")


def _earlier(death: Death, began: float, faults: Sequence[FaultEvent]) -> bool:
    """Whether an app died of a fault that was in force before this load began: that is no matter of this run."""
    if death.at >= began or not death.name.endswith("/app"):
        return False
    return any(fault.injected and fault.start <= death.at <= fault.end for fault in faults)
