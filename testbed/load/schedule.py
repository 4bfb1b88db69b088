"""Turns a load's shape into requests with times, users and headers: one fixed endless sequence for a seed."""

from __future__ import annotations

import heapq
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from hashlib import blake2b
from random import Random

from testbed.errors import TestbedError
from testbed.load.workload import NAME, Workload

GOLDEN = (math.sqrt(5) - 1) / 2


@dataclass(frozen=True, slots=True)
class ScheduledRequest:
    """One request that is to be sent `offset_s` seconds after the start of its chunk."""

    offset_s: float
    id: str
    user: str
    cohort: str  # "" if the user has none
    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes = b""


class Schedule:
    """Cuts the endless sequence of a load into chunks; each begins exactly at the end of the last one."""

    def __init__(self, shape: Workload, seed: int, prefix: str = "r", carriers: Sequence[str] = ()) -> None:
        """Start at the first request. Ids are `prefix` and a number; give each load of a run a different prefix.

        `carriers` are headers that carry id, user and cohort, like baggage.
        """
        if not NAME.fullmatch(prefix):
            raise TestbedError(f"id prefix {prefix!r}: only letters, digits, '.', '_' and '-'")
        self.elapsed_s = 0.0
        self._rest = requests(shape, seed, prefix, carriers)
        self._next = next(self._rest)

    def take(self, for_s: float) -> list[ScheduledRequest]:
        """Return the requests of the next `for_s` seconds, with offsets from the start of this chunk."""
        if not math.isfinite(for_s) or for_s <= 0:
            raise TestbedError(f"for_s={for_s!r}: it must be a number of seconds above 0")
        start, self.elapsed_s = self.elapsed_s, self.elapsed_s + for_s
        chunk = []
        while self._next.offset_s < self.elapsed_s:
            chunk.append(replace(self._next, offset_s=self._next.offset_s - start))
            self._next = next(self._rest)
        return chunk


def requests(shape: Workload, seed: int, prefix: str = "r", carriers: Sequence[str] = ()) -> Iterator[ScheduledRequest]:
    """Yield a load's requests without end, in order of time, with offsets from the start of the load.

    The same shape and seed give the same sequence. Streams are independent: the main one (`rps`), and one for each
    cohort with a separate rate. They are shifted by a part of a gap, so that two constant streams do not send in pairs.
    """
    cohort = shape.population(seed)
    streams = [_stream(shape, seed, cohort, number, name) for number, name in enumerate(["", *shape.cohort_rps])]
    for number, (offset_s, user) in enumerate(heapq.merge(*streams), start=1):
        yield _planned(shape, offset_s, f"{prefix}{number:06d}", user, cohort[user], seed, carriers)


def _stream(
    shape: Workload, seed: int, cohort: Mapping[str, str], number: int, name: str
) -> Iterator[tuple[float, str]]:
    rps = shape.cohort_rps[name] if name else shape.rps
    own = [name] if name else ["", *(each for each in shape.cohorts if each not in shape.cohort_rps)]
    groups = [[user for user in cohort if cohort[user] == each] for each in own]
    times = _constant(rps, number) if shape.arrivals == "constant" else _poisson(rps, Random(f"times|{seed}|{name}"))
    return zip(times, _users(groups, Random(f"users|{seed}|{name}")), strict=False)


def _constant(rps: float, number: int) -> Iterator[float]:
    """Yield (i + shift) / rps: by multiplication, so errors do not add up. Golden shifts: streams never coincide."""
    shift, i = (number * GOLDEN) % 1, 0
    while True:
        yield (i + shift) / rps
        i += 1


def _poisson(rps: float, random: Random) -> Iterator[float]:
    at = 0.0
    while True:
        at += random.expovariate(rps)
        yield at


def _users(groups: Sequence[Sequence[str]], random: Random) -> Iterator[str]:
    """Yield users in shuffled rounds: each once in a round, every group spread evenly over it (a stratified draw).

    So a cohort's share of the requests is its share of the users: exactly in each round, and within one or two requests
    in any period. No user has a fixed interval, which could coincide with the balancing of replicas.
    """
    while True:
        places = []
        for group in groups:
            shuffled = random.sample(group, len(group))
            places += [((i + random.random()) / len(group), user) for i, user in enumerate(shuffled)]
        yield from (user for _, user in sorted(places))


def _planned(
    shape: Workload, offset_s: float, id: str, user: str, cohort: str, seed: int, carriers: Sequence[str]
) -> ScheduledRequest:
    template = shape.template
    own = {name: text.replace("{user}", user).replace("{cohort}", cohort) for name, text in shape.user_headers.items()}
    mark = f"tb.id={id},tb.user={user}" + (f",tb.cohort={cohort}" if cohort else "")
    headers = {
        "x-ot-span-context": id,  # no more than a header that services hand on
        **template.headers,
        **{name: text for name, text in own.items() if text},
        "x-request-id": id,
        "traceparent": f"00-{trace_id(seed, id)}-{_digits(seed, id)[32:]}-01",
        **dict.fromkeys(("baggage", *carriers), mark),
    }
    return ScheduledRequest(offset_s, id, user, cohort, template.method, template.path, headers, template.body)


def trace_id(seed: int, id: str) -> str:
    """Return the id of the W3C trace (32 hex digits) that a request begins. It is sampled, so services export it."""
    return _digits(seed, id)[:32]


def _digits(seed: int, id: str) -> str:
    """Return the hex digits of trace and span: a hash of (seed, request id)."""
    return blake2b(f"trace|{seed}|{id}".encode(), digest_size=24).hexdigest()
