"""Asks a predicate about the answers of a run. What was not kept is neither good nor bad."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

from testbed.checks.judging.formatting import count, plural
from testbed.errors import CheckError
from testbed.history.answers import Answer, NotKept, answer_of
from testbed.history.events import Arrival, Call, Request
from testbed.history.index import Index

Answered = Request | Call | Arrival
Complaint = Callable[[Answer], str]  # what is wrong with an answer, "" if nothing is
Predicate = Callable[[Answer], object]
MISSING = (LookupError, TypeError, ValueError, AttributeError)  # what a predicate raises where a field is not there


@dataclass
class Sorted:
    """Answers that are as expected, that are not (with the reason), and that cannot be told (with the reason)."""

    good: list[Answered] = field(default_factory=list)
    bad: list[tuple[Answered, str]] = field(default_factory=list)
    unknown: list[tuple[Answered, str]] = field(default_factory=list)

    @property
    def doubt(self) -> str:
        """Why some answers cannot be told, "" if all can."""
        reasons = Counter(why for _, why in self.unknown).most_common(1)
        return f"{plural(len(self.unknown), 'answer')} cannot be judged: {reasons[0][0]}" if reasons else ""

    @property
    def reasons(self) -> str:
        """The most frequent reasons of bad answers."""
        found = Counter(why for _, why in self.bad).most_common()
        shown = [f"{why} ({count(number)})" for why, number in found[:3]]
        return "; ".join(shown + ([f"{count(len(found) - 3)} other reasons"] if len(found) > 3 else []))


def sort_answers(index: Index, events: Iterable[Answered], complaint: Complaint) -> Sorted:
    """Ask about each answer; equal answers are asked about once."""
    found, asked = Sorted(), dict[object, tuple[str, str]]()
    for event in events:
        where = (getattr(event, "digest", event), getattr(event, "ended_at", ""), getattr(event, "path", ""))
        key = (event.status, event.grpc_status, event.size, event.content_type, event.headers, *where)
        if key not in asked:
            asked[key] = _ask(complaint, answer_of(index, event))
        kind, why = asked[key]
        if kind == "good":
            found.good.append(event)
        else:
            (found.bad if kind == "bad" else found.unknown).append((event, why))
    return found


def _ask(complaint: Complaint, answer: Answer) -> tuple[str, str]:
    try:
        why = complaint(answer)
    except NotKept as missing:
        return "unknown", str(missing)
    return ("bad", why) if why else ("good", "")


def says_no(predicate: Predicate) -> Complaint:
    """Return a complaint where a predicate is not true of an answer; a field that it misses is a complaint, too."""

    def complaint(answer: Answer) -> str:
        try:
            return "" if predicate(answer) else f"{name_of(predicate)} is not true of it"
        except MISSING as error:
            return f"{name_of(predicate)} found {_missing(error)}"

    return complaint


def says_yes(predicate: Predicate) -> Complaint:
    """Return a complaint where a predicate is true of an answer; one that misses a field leaves it open."""

    def complaint(answer: Answer) -> str:
        try:
            return f"{name_of(predicate)} is true of it" if predicate(answer) else ""
        except MISSING as error:
            raise NotKept(f"{name_of(predicate)} raised {_missing(error)}") from error

    return complaint


def name_of(predicate: object) -> str:
    """Return the name of a predicate, as in messages."""
    return str(getattr(predicate, "__name__", type(predicate).__name__)).replace("<lambda>", "the lambda")


def _missing(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"


def callable_or_none(check: str, **values: object) -> None:
    """Raise `CheckError` for a value that is given and cannot be called."""
    for name, value in values.items():
        if value is not None and not callable(value):
            raise CheckError(f"{check}: {name}= takes a function of an answer, such as lambda answer: answer.size > 0")


def example(index: Index, bad: Sequence[tuple[Answered, str]]) -> str:
    """Return one bad answer in words."""
    event, why = bad[0]
    return f"an answer: {answer_of(index, event)} ({why})"
