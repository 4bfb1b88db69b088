"""Responses: every good answer has the content that it should have."""

from __future__ import annotations

import re
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import cast

from testbed.checks.judging import validation
from testbed.checks.judging.base import EdgeCheck, Verdict
from testbed.checks.judging.contents import Answered, example, name_of, says_no, sort_answers
from testbed.checks.judging.explain import request_trace
from testbed.checks.judging.formatting import count, plural
from testbed.checks.judging.validity import observer_of
from testbed.checks.judging.view import View
from testbed.errors import CheckError
from testbed.history.answers import Answer, NotKept
from testbed.history.events import UNKNOWN, Request
from testbed.history.facts import of_the_load
from testbed.history.index import Index

OF_BODIES = ("json", "text", "matching", "not_matching")


@dataclass(frozen=True)
class responses(EdgeCheck):
    """Every answer with a good status has this content. A count.

    - `json={"state": "ready"}`: the body is JSON and has these values; keys that are not named may be there. With a
      function, it is true of the parsed value: `json=lambda page: len(page["items"]) > 0`.
    - `text="Thank you"`: the text contains this. `matching=` and `not_matching=`: a regular expression is found in the
      text, or is not.
    - `min_bytes=`, `content_type="application/json"`, `headers={"x-cache": "hit"}` (recorded: `answerHeaders:`).

    Without an edge, or on "client -> entry", the users' answers are judged, after redirects. On any other edge the
    answers to the caller are judged, by size, type and headers: proxies do not record bodies. Answers with an error
    status and requests without an answer are not judged: use `availability` or `statuses` as well.
    """

    edge: str = ""
    json: object = field(default=None, kw_only=True)
    text: str | None = field(default=None, kw_only=True)
    matching: str | None = field(default=None, kw_only=True)
    not_matching: str | None = field(default=None, kw_only=True)
    min_bytes: int | None = field(default=None, kw_only=True)
    content_type: str | None = field(default=None, kw_only=True)
    headers: Mapping[str, str] | None = field(default=None, kw_only=True)

    def validate(self) -> None:
        """Raise `CheckError` without any expectation, or for an impossible one."""
        if not self._given:
            names = ", ".join(f"{name}=" for name in (*OF_BODIES, "min_bytes", "content_type", "headers"))
            raise CheckError(f"responses(): give at least one of {names}")
        for name in ("text", "matching", "not_matching", "content_type"):
            value = getattr(self, name)
            if value is not None and (not isinstance(value, str) or not value):
                raise CheckError(f"{self}: {name}= is a text of one character or more, not {value!r}")
        for name in ("matching", "not_matching"):
            try:
                re.compile(getattr(self, name) or "")
            except re.error as error:
                raise CheckError(f"{self}: {name}= is no regular expression: {error}") from None
        if self.min_bytes is not None:
            validation.whole(str(self), min_bytes=self.min_bytes)
            validation.positive(str(self), min_bytes=self.min_bytes)
        if self.headers is not None and not isinstance(self.headers, Mapping):
            raise CheckError(f'{self}: headers= maps names to values: headers={{"x-cache": "hit"}}')

    def fits(self, index: Index) -> None:
        """Raise `CheckError` for an unknown edge, the text of answers on an inner edge, or an unrecorded header."""
        if self.edge:
            super().fits(index)
        if bodies := [name for name in OF_BODIES if name in self._given and not self._of_users]:
            there = "use min_bytes=, content_type= or headers= there, or judge the users' answers (no edge)"
            raise CheckError(f"{self}: proxies do not record bodies, so {bodies[0]}= cannot be judged; {there}")
        for name in self.headers or {}:
            if name.lower() not in index.facts.recorded_headers | {"content-type"}:
                raise CheckError(f"{self}: the header {name} is not recorded: answerHeaders: [{name}] in the topology")

    @property
    def _given(self) -> dict[str, object]:
        names = (*OF_BODIES, "min_bytes", "content_type", "headers")
        return {name: value for name in names if (value := getattr(self, name)) is not None}

    @property
    def _of_users(self) -> bool:
        return not self.edge or of_the_load(self.edge)

    @property
    def bound(self) -> str:
        """The bound in words."""
        return "all with " + " and ".join(f"{name}={_written(value)}" for name, value in self._given.items())

    def topic(self) -> Hashable:
        """Return name, edge and kinds of expectation."""
        return (self.name, self.edge, *(f"{name}={_written(value)}" for name, value in self._given.items()))

    def needs(self, view: View) -> tuple[str, ...]:
        """Return requests, and on an inner edge calls (or arrivals, if no calls are recorded)."""
        if self._of_users:
            return ("requests",)
        return ("requests", "calls" if "calls" in view.index.sources else "arrivals")

    def judge(self, view: View) -> Verdict:
        """Look at every good answer."""
        there = self._answers(view)
        good = [one for one in there if one.ok]
        found = sort_answers(view.index, good, self._complaint)
        observed = f"{count(len(found.good))} of {plural(len(good), 'answer')}"
        observed += f"; {count(len(there) - len(good))} others not judged (no good answer)" if good != there else ""
        source = observer_of(view.index, self.needs(view)[-1])
        say = partial(self.verdict, view, observed=observed, n=len(good), source=source)
        if found.bad:
            why = f"{plural(len(found.bad), 'answer')} of {count(len(good))} had other content: {found.reasons}"
            clue = "\n".join(filter(None, (example(view.index, found.bad), _trace(view, found.bad[0][0]))))
            return say("violated", margin=f"{count(len(found.bad))} others", why=why, next=clue)
        if not good:
            why = f"0 of {plural(len(there), 'answer')} had a good status (at least 1 needed)"
            return say("inconclusive", why=why, next="availability or statuses shows how they ended")
        if found.doubt:
            return say("inconclusive", why=found.doubt, next=found.unknown[0][1])
        return say("held", margin="all")

    def _answers(self, view: View) -> Sequence[Answered]:
        if self._of_users:
            return view.requests
        calls = view.calls(self.edge)  # the log of an app without a proxy has no sizes
        return calls if any(call.size != UNKNOWN for call in calls) else view.arrivals(self.edge) or calls

    def _complaint(self, answer: Answer) -> str:
        """Return the first thing that is wrong; what is known comes before what is not kept."""
        unknown: NotKept | None = None
        for complain in self._complaints():
            try:
                if why := complain(answer):
                    return why
            except NotKept as missing:
                unknown = missing
        if unknown:
            raise unknown
        return ""

    def _complaints(self) -> Iterator[Callable[[Answer], str]]:
        if self.min_bytes is not None:
            yield partial(_too_short, self.min_bytes)
        if self.content_type is not None:
            yield partial(_of_another_type, self.content_type)
        yield from (partial(_another_header, name, value) for name, value in (self.headers or {}).items())
        if self.not_matching is not None:
            yield partial(_matches, self.not_matching)
        yield from (partial(_lacks, pattern) for pattern in (self.matching,) if pattern is not None)
        yield from (partial(_lacks, re.escape(text)) for text in (self.text,) if text is not None)
        if callable(self.json):
            wanted = self.json
            yield says_no(_named(lambda answer: wanted(answer.json), wanted))
        elif self.json is not None:
            yield partial(_other_json, self.json)


def _too_short(least: int, answer: Answer) -> str:
    if answer.size == UNKNOWN:
        raise NotKept("the record has no size of this answer")
    return f"shorter than {plural(least, 'byte')}" if answer.size < least else ""


def _of_another_type(wanted: str, answer: Answer) -> str:
    if answer.size == UNKNOWN:
        raise NotKept("the record has no type of this answer")
    media = answer.content_type.partition(";")[0].strip().lower()
    return "" if wanted.lower() in (media, answer.content_type.lower()) else f"of type {media or '(none)'}"


def _another_header(name: str, wanted: str, answer: Answer) -> str:
    if name.lower() == "content-type":
        return _of_another_type(wanted, answer)
    if answer.size == UNKNOWN:
        raise NotKept("the record has no headers of this answer")
    found = answer.headers.get(name)
    return "" if found == wanted else f"{name}: {found if found is not None else '(none)'}"


def _matches(pattern: str, answer: Answer) -> str:
    if re.search(pattern, answer.beginning):
        return f"{pattern!r} is in its text"
    _ = answer.body  # of a text that was cut, the rest may match
    return ""


def _lacks(pattern: str, answer: Answer) -> str:
    if re.search(pattern, answer.beginning):
        return ""
    _ = answer.body
    return f"{pattern!r} is not in its text"


def _other_json(wanted: object, answer: Answer) -> str:
    try:
        found = answer.json
    except ValueError:
        return "no JSON"
    return "" if _has(found, wanted) else "other JSON"


def _has(found: object, wanted: object) -> bool:
    """Whether a value is the wanted one; a mapping may have more keys."""
    if isinstance(wanted, Mapping):
        return isinstance(found, Mapping) and all(k in found and _has(found[k], v) for k, v in wanted.items())
    if isinstance(wanted, list | tuple):
        same = isinstance(found, list) and len(found) == len(wanted)
        return same and all(_has(one, other) for one, other in zip(cast("list[object]", found), wanted, strict=True))
    return found == wanted and isinstance(found, bool) is isinstance(wanted, bool)


def _named(made: Callable[[Answer], object], after: object) -> Callable[[Answer], object]:
    made.__name__ = name_of(after)
    return made


def _written(value: object) -> str:
    return name_of(value) if callable(value) else repr(value)


def _trace(view: View, event: Answered) -> str:
    name = event.id if isinstance(event, Request) else event.request
    return next((request_trace(view, one) for one in view.requests if one.id == name), "")
