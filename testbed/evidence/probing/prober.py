"""Reads the probes of one load: on a schedule of their own, before the first request, and after the last one."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping, Sequence

from testbed import clock
from testbed.errors import TestbedError, nearest
from testbed.evidence.probing.exposition import NoValue
from testbed.evidence.probing.probes import Probe, Read
from testbed.evidence.probing.site import OUTSIDE, Site
from testbed.evidence.probing.values import MOST_TEXT
from testbed.history.events import ProbeEvent, ProbeReading

MOST_READINGS = 20_000  # of one place; later ones are not taken
PATIENCE_S = 5.0  # for a reading that does not end, besides its own time limit


class Prober:
    """Reads from `start` to `finish` or `stop`, with one thread for each place of each probe."""

    def __init__(self, probes: Mapping[str, Probe], site: Site) -> None:
        """Find the place of each probe. Raises `TestbedError` for one that is not there; nothing is read."""
        self._series = [one for name, probe in _checked(probes).items() for one in _series(name, probe, site)]
        self.declared = [
            ProbeEvent(name, str(probe), float(probe.every_ms), probe.unit, self._places(name), probe.timeout_ms)
            for name, probe in probes.items()
        ]

    def _places(self, name: str) -> tuple[str, ...]:
        return tuple(one.place for one in self._series if one.name == name and one.place != OUTSIDE)

    def start(self) -> None:
        """Start reading. Return when each place has been read once."""
        for one in self._series:
            one.thread.start()
        for one in self._series:
            one.begun.wait(one.probe.timeout_s + PATIENCE_S)

    def finish(self) -> None:
        """Read on until the effects of the load have settled, and once more; then stop."""
        now = time.monotonic()
        for one in self._series:
            one.end_at(now + one.probe.settle_s)
        for one in self._series:
            one.thread.join(one.probe.settle_s + one.probe.timeout_s + PATIENCE_S)

    def stop(self) -> None:
        """Stop without a last reading. A reading under way is not waited for."""
        for one in self._series:
            one.abandon()

    @property
    def readings(self) -> Sequence[ProbeReading]:
        """All readings so far, in order."""
        return sorted((reading for one in self._series for reading in tuple(one.readings)), key=lambda r: r.at)

    def events(self) -> list[ProbeEvent | ProbeReading]:
        """Return the probes and all readings; one that is still under way has failed."""
        late = [one.unfinished() for one in self._series if one.thread.is_alive()]
        return [*self.declared, *self.readings, *late]


def _checked(probes: Mapping[str, Probe]) -> Mapping[str, Probe]:
    """Return the probes. Raises `TestbedError` for what is not a mapping from names to probes."""
    kinds = ("http_probe", "command_probe", "metric_probe", "promql_probe")
    if not isinstance(probes, Mapping):
        raise TestbedError(f'probes= takes names with probes: probes={{"rows": {kinds[1]}(...)}}, not {probes!r}')
    for name, probe in probes.items():
        if not isinstance(name, str) or not name:
            raise TestbedError(f"probes=: {name!r} is not a name")
        if not isinstance(probe, Probe):
            raise TestbedError(f"probes=: {name!r} is {probe!r}, which is not a probe{nearest('', kinds)}")
    return probes


def _series(name: str, probe: Probe, site: Site) -> list[_Series]:
    try:
        return [_Series(name, place, probe, read) for place, read in probe.readers(site).items()]
    except TestbedError as error:
        raise TestbedError(f"probe {name!r}, {probe}: {error}") from None


class _Series:
    """The readings of one probe at one place, taken by one thread."""

    def __init__(self, name: str, place: str, probe: Probe, read: Read) -> None:
        self.name, self.place, self.probe, self._read = name, place, probe, read
        self.readings: list[ProbeReading] = []
        self.begun = threading.Event()
        self._until, self._changed, self._abandoned = float("inf"), threading.Event(), False
        self._since = clock.now()  # when the reading under way began
        self.thread = threading.Thread(target=self._repeat, name=f"testbed-probe-{name}", daemon=True)

    def end_at(self, moment: float) -> None:
        """Take the last reading at this moment of the monotonic clock."""
        self._until = moment
        self._changed.set()

    def abandon(self) -> None:
        """Take no more readings."""
        self._abandoned = True
        self.end_at(0.0)

    def unfinished(self) -> ProbeReading:
        """Return the reading under way as a failed one."""
        began = self._since
        return ProbeReading(began, self.name, (clock.now() - began) * 1000, self.place, error="it does not end")

    def _repeat(self) -> None:
        due = time.monotonic()
        while not self._abandoned and len(self.readings) < MOST_READINGS:
            last = time.monotonic() >= self._until
            self.readings.append(self._reading())
            self.begun.set()
            if last:
                return
            due = max(due + self.probe.every_ms / 1000, time.monotonic())  # missed ones are not made up for
            self._wait(due)

    def _wait(self, due: float) -> None:
        """Wait for the next reading, which is the last one when the end comes first."""
        while (left := min(due, self._until) - time.monotonic()) > 0:
            self._changed.wait(left)
            self._changed.clear()

    def _reading(self) -> ProbeReading:
        self._since, begun = clock.now(), time.monotonic()
        value: float | str | None = None
        error = ""
        try:
            value = self._read()
        except (NoValue, TestbedError, OSError) as problem:
            error = (str(problem) or type(problem).__name__)[:MOST_TEXT]
        took_s = time.monotonic() - begun
        if not error and took_s > self.probe.timeout_s:
            value, error = None, f"late: the answer came after {took_s:.3g} s (limit {self.probe.timeout_s:g} s)"
        number = value if isinstance(value, float) else None
        text = "" if value is None else f"{value:.15g}" if isinstance(value, float) else value
        return ProbeReading(self._since, self.name, took_s * 1000, self.place, number, text, error)
