"""A mesh of which nothing runs: its processes, its load driver and its sampler are stand-ins."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from testbed import constant_rate, get
from testbed.history.events import AnswerBody, Evidence, Request, Sample
from testbed.load.schedule import ScheduledRequest
from testbed.runtime import Death
from testbed.spec.topology import Topology

SHOP = Topology.model_validate(
    {
        "name": "t",
        "entry": "a",
        "services": {
            "a": {"language": "go", "calls": ["b"]},
            "b": {"language": "go", "calls": ["c"]},
            "c": {"language": "go"},
        },
        "policies": [{"edge": "a -> b", "timeout": "1s"}],
    }
)
SHAPE = constant_rate(get("/"), rps=50)


class Machine:
    """A runtime whose processes all live, but those that a test lets die; it remembers which it started again."""

    def __init__(self) -> None:
        self.stopped = False
        self.dead: set[str] = set()
        self.restarted: list[str] = []

    def reach(self, address: str) -> str:
        return address

    def inside(self, name: str) -> tuple[str, ...]:
        return ()

    def alive(self, name: str) -> bool:
        return name not in self.dead

    def deaths(self) -> list[Death]:
        return []

    def restart(self, name: str) -> None:
        self.restart_all([name])

    def restart_all(self, names: Iterable[str]) -> None:
        self.restarted += names
        self.dead -= set(names)

    def cpu_seconds(self, name: str) -> float:
        return 0.0

    def stop(self) -> None:
        self.stopped = True

    def release(self) -> None:
        pass


class Sender:
    """A load driver to which everything is answered as soon as it is handed over."""

    def __init__(self, *args: object) -> None:
        self.sent: list[Request] = []
        self.started = self.closed = False

    def start(self) -> Sender:
        self.started = True
        return self

    def send(self, planned: Sequence[ScheduledRequest], phase: str = "", start_at: float = 0.0) -> None:
        due = [(start_at + one.offset_s, one) for one in planned]
        self.sent += [Request(one.id, one.user, "", at, at, 1.0, 200) for at, one in due]

    def results(self) -> list[Request]:
        return list(self.sent)

    def bodies(self) -> list[AnswerBody]:
        return []

    def wait_idle(self) -> bool:
        return True

    def stop(self, until: float) -> None:
        self.sent = [request for request in self.sent if request.intended < until]

    def close(self) -> None:
        self.closed = True


class Sampler:
    """Takes a sample at each end of each phase, and no others."""

    sources = ("samples",)

    def __init__(self) -> None:
        self.samples: list[Sample] = []
        self.started = self.stopped = False

    def start(self) -> None:
        self.started = True

    def boundary(self) -> None:
        self.samples.append(Sample(float(len(self.samples)), "testbed", {}))

    def events(self) -> list[Sample | Evidence]:
        return [*self.samples, Evidence("samples", complete=True)]

    def stop(self) -> None:
        self.stopped = True


class Drivers(list[Sender]):
    """Every driver that was made."""

    def __call__(self, *args: object) -> Sender:
        self.append(Sender())
        return self[-1]
