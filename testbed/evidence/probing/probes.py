"""What a test writes: `probes={"pool_idle": http_probe("orders", "/stats", json="pool.idle")}`. Values only."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from functools import partial
from typing import Literal, get_args
from urllib.parse import quote, urlsplit

from testbed.arguments import is_number, refuse_misfits
from testbed.errors import TestbedError
from testbed.evidence.probing import values
from testbed.evidence.probing.exposition import NoValue, metric, query_result
from testbed.evidence.probing.site import OUTSIDE, Site, fetch

SCHEDULE = ("every_ms", "timeout_ms", "settle_s", "unit")
Read = Callable[[], float | str]
"""Reads once. Raises `NoValue`, `TestbedError` or `OSError` with the reason if there is no value."""


@dataclass(frozen=True)
class Probe(ABC):
    """One value of the system, read every `every_ms` while a load is on, and once before and once after it.

    A reading that takes longer than `timeout_ms` has failed. `settle_s` is how long it goes on after the load, for
    effects that are written later. `unit` is for reports.
    """

    every_ms: float = field(default=500, kw_only=True)
    timeout_ms: float = field(default=2000, kw_only=True)
    settle_s: float = field(default=0, kw_only=True)
    unit: str = field(default="", kw_only=True)

    def __post_init__(self) -> None:
        """Refuse bad values when the probe is written."""
        refuse_misfits(self, TestbedError, self._check)
        self._check()

    def _check(self) -> None:
        for name, least in (("every_ms", 10), ("timeout_ms", 1), ("settle_s", 0)):
            if not (is_number(value := getattr(self, name)) and value >= least):
                raise TestbedError(f"{self}: {name} must be a number of {least} or more, not {value!r}")
        self.validate()

    def validate(self) -> None:  # noqa: B027 (a hook, not a duty)
        """Raise `TestbedError` for a bad value."""

    @abstractmethod
    def readers(self, site: Site) -> Mapping[str, Read]:
        """Return a reader for each place (a replica, or ""). Raises `TestbedError` for a place that is not there."""

    @property
    def timeout_s(self) -> float:
        """The time limit of one reading in seconds."""
        return self.timeout_ms / 1000

    def __str__(self) -> str:
        """Return the probe as written in the test, without its schedule."""
        own = [(one, getattr(self, one.name)) for one in fields(self) if one.name not in SCHEDULE]
        said = [repr(value) for one, value in own if not one.kw_only]
        said += [f"{one.name}={value!r}" for one, value in own if one.kw_only and value not in (one.default, {})]
        return f"{type(self).__name__}({', '.join(said)})"


@dataclass(frozen=True)
class _PageProbe(Probe):
    """Reads something on an HTTP page of each replica of a service, of one replica, or at a URL."""

    where: str
    path: str = "/"

    port: int | None = field(default=None, kw_only=True)

    def validate(self) -> None:
        """Raise `TestbedError` unless the path begins with "/"."""
        if not self.path.startswith("/"):
            raise TestbedError(f"{self}: the path {self.path!r} must begin with '/'")
        if "://" in self.where and urlsplit(self.where).scheme != "http":
            raise TestbedError(f"{self}: a URL of a probe begins with http://; use command_probe for anything else")

    def readers(self, site: Site) -> Mapping[str, Read]:
        """Return a reader for each replica."""
        found = site.addresses(self.where, self.port)
        return {place: partial(self._read, address) for place, address in found.items()}

    @abstractmethod
    def _value(self, text: str) -> float | str:
        """Return the value in the text of an answer."""

    def _read(self, address: str) -> float | str:
        status, text = fetch(address, self._request(), self.timeout_s)
        if not 200 <= status < 300:
            raise NoValue(f"status {status}")
        return self._value(text)

    def _request(self) -> str:
        return self.path


@dataclass(frozen=True)
class http_probe(_PageProbe):
    """Reads an answer over HTTP: a number or a text, or with `json=` the value at a path such as "pool.idle".

    `where` is a service, a replica, or a URL "http://host:port". A service is asked directly, past its mesh proxy and
    every fault; `port` is another port of it. `value="status"` reads the status, whatever it is; otherwise a status
    from 200 to 299 is needed.
    """

    json: str = field(default="", kw_only=True)
    value: Literal["body", "status"] = field(default="body", kw_only=True)

    def validate(self) -> None:
        """Raise `TestbedError` for an unknown `value`."""
        super().validate()
        _one_of(self, "value", ("body", "status"))

    def _value(self, text: str) -> float | str:
        return values.parsed(text, self.json)

    def _read(self, address: str) -> float | str:
        if self.value == "body":
            return super()._read(address)
        return float(fetch(address, self.path, self.timeout_s)[0])


@dataclass(frozen=True)
class metric_probe(_PageProbe):
    """Reads one sample of a page in the text format of Prometheus, by its name and labels.

    Several samples that match are a failed reading, unless `add_up=True` adds them.
    """

    path: str = field(default="/metrics", kw_only=True)
    name: str
    labels: Mapping[str, str] = field(default_factory=dict, kw_only=True)
    add_up: bool = field(default=False, kw_only=True)

    def _value(self, text: str) -> float | str:
        return values.finite(metric(text, self.name, self.labels, add_up=self.add_up))


@dataclass(frozen=True)
class promql_probe(_PageProbe):
    """Asks a Prometheus (a service of the topology, or a URL) a query that gives one number."""

    path: str = field(default="/api/v1/query", kw_only=True)
    query: str

    def _request(self) -> str:
        return f"{self.path}?query={quote(self.query, safe='')}"

    def _value(self, text: str) -> float | str:
        return values.finite(query_result(text))


@dataclass(frozen=True)
class command_probe(Probe):
    """Runs a command and reads its output: a number or a text, with `json=` the value at a path.

    Without `on` it runs on this machine, in the folder of the topology. `on="db"` runs it for each replica of that
    service: in its container, or with its environment, folder and network. No shell is used. `{{db.host}}` and
    `{{db.port}}` are those of a service, `{{self.port}}` of the replica. `value="exit_code"` reads the exit code,
    `value="lines"` counts the lines that are not empty; otherwise an exit code other than 0 is a failed reading.
    """

    command: str | Sequence[str]

    on: str = field(default="", kw_only=True)
    json: str = field(default="", kw_only=True)
    value: values.Output = field(default="output", kw_only=True)

    def validate(self) -> None:
        """Raise `TestbedError` for an empty command or an unknown `value`."""
        if not self.command:
            raise TestbedError(f"{self}: there is no command")
        _one_of(self, "value", get_args(values.Output))

    def readers(self, site: Site) -> Mapping[str, Read]:
        """Return a reader for each replica of `on`, or one for this machine."""
        if not self.on:
            return {OUTSIDE: partial(self._read, site, site.words(self.command), "")}
        found = site.replicas(self.on)
        if any(one.external for one in found):
            raise TestbedError(f"{self}: {self.on} is an external service, so no command runs there; leave out on=")
        return {one.name: partial(self._read, site, site.words(self.command, one), one.name) for one in found}

    def _read(self, site: Site, words: Sequence[str], on: str) -> float | str:
        code, out, err = site.run(words, on, self.timeout_s)
        return values.of_command(code, out, err, self.value, self.json)


def _one_of(probe: Probe, name: str, valid: Sequence[str]) -> None:
    if getattr(probe, name) not in valid:
        raise TestbedError(f"{probe}: {name} is one of {', '.join(map(repr, valid))}, not {getattr(probe, name)!r}")
