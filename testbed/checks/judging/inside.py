"""What services say of the inside of one request: the spans that they exported, the same ones on one line."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

from testbed.checks.judging.formatting import count, ms, plural
from testbed.history.events import Request, SpanEvent
from testbed.history.index import Index

MOST = 4  # lines of one request
MOST_TEXT = 100  # characters of a statement or URL


def inside(index: Index, request: Request) -> Iterator[str]:
    """Yield a line for each thing that services did for a request: failed ones first, then the longest.

    The span of a service's own answer is left out: the proxies show it.
    """
    groups: dict[tuple[str, str], list[SpanEvent]] = {}
    for span in index.spans.get(request.id, ()):
        if span.kind != "server" or span.notes:
            groups.setdefault((span.place or span.service, span.text), []).append(span)
    ranked = sorted(groups.values(), key=lambda same: (not any(one.failed for one in same), -_longest(same)))
    yield from map(_line, ranked[:MOST])
    if left := sum(map(len, ranked[MOST:])):
        yield f"... {plural(left, 'span')} more inside services"


def _line(same: Sequence[SpanEvent]) -> str:
    """Return `inside orders-1: SELECT ...: 812 ms, 3 times, 2 failed (timeout); exception TimeoutError: ...`."""
    one, failed = same[0], [span for span in same if span.failed]
    text = one.text if len(one.text) <= MOST_TEXT else f"{one.text[:MOST_TEXT]}..."
    took = ms(_longest(same)) if len(same) == 1 else f"{ms(_longest(same))} the longest, {count(len(same))} times"
    reasons = _tally([span.why for span in failed if span.why])
    ended = f", {count(len(failed))} failed" if len(same) > 1 else ", failed"
    said = f"{took}{ended if failed else ''}{f' ({reasons})' if reasons else ''}"
    notes = _tally([note for span in same for note in span.notes if not (reasons and note.startswith("exception "))])
    return f"inside {one.place or one.service or 'a service'}: {text}: {said}{f'; {notes}' if notes else ''}"


def _tally(words: Sequence[str]) -> str:
    """Return the two most frequent words, with a number where there are several: `breaker open x 3`."""
    found = Counter(words).most_common(2)
    return ", ".join(f"{word} x {count(times)}" if times > 1 else word for word, times in found)


def _longest(same: Sequence[SpanEvent]) -> float:
    return max(span.duration_ms for span in same)
