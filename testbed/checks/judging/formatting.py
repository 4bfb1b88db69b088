"""How figures are written in verdicts: one way everywhere, and rounded so that a bound is never hidden."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Sequence

from testbed.history.events import Request
from testbed.spec.grpc_status import name_of


def count(number: int) -> str:
    """Return `1,204`."""
    return f"{number:,}"


def plural(number: int, word: str) -> str:
    """Return `1 request` or `1,204 requests`."""
    return f"{count(number)} {word}" + ("" if number == 1 else "s")


def ms(value: float) -> str:
    """Return `1,204 ms`, `81.5 ms`, `0.25 ms`, or `no answer` for infinity."""
    if math.isinf(value):
        return "no answer"
    digits = 0 if value >= 1000 else 1 if value >= 1 else 2
    return f"{trim(f'{value:,.{digits}f}')} ms"


def percent(share: float) -> str:
    """Return `99.5 %` for 0.995, rounded down to two digits, so that 99.999 % never reads as 100 %."""
    return f"{trim(f'{math.floor(round(share * 10_000, 6)) / 100:.2f}')} %"


def points(share: float) -> str:
    """Return a difference of two shares: `0.37 percentage points`."""
    return f"{trim(f'{abs(share) * 100:.2f}')} percentage points"


def seconds(value: float) -> str:
    """Return `1.35 s`."""
    return f"{trim(f'{value:.2f}')} s"


def trim(number: str) -> str:
    """Return a decimal number without trailing zeros."""
    return number.rstrip("0").rstrip(".") if "." in number else number


def spread(numbers: Sequence[int], unit: str) -> str:
    """Return `1 to 4 (mean 2.5)`, `3 each`, or `no call` where there is none."""
    if not numbers:
        return f"no {unit}"
    least, most = min(numbers), max(numbers)
    return f"{most} each" if least == most else f"{least} to {most} (mean {sum(numbers) / len(numbers):.3g})"


def outcome(request: Request) -> str:
    """Return how a request ended: `503`, `UNAVAILABLE`, `no answer (timeout)`, or `200 broke off (eof)`."""
    if request.grpc_status is not None:
        return name_of(request.grpc_status)
    if request.status:
        return str(request.status)
    begun = f"{request.begun} broke off" if request.begun else "no answer"
    return f"{begun} ({request.error})" if request.error else begun


def outcomes(requests: Iterable[Request], most: int = 4) -> str:
    """Return how requests ended, the most frequent first: `503 x 40, no answer (timeout) x 5`."""
    return tally([outcome(request) for request in requests], most)


def tally(words: Sequence[str], most: int = 4) -> str:
    """Return how often each word occurs, the most frequent first."""
    found = Counter(words).most_common()
    shown = [f"{word} x {count(times)}" for word, times in found[:most]]
    return ", ".join(shown + (["..."] if len(found) > most else []))
