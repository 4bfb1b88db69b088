"""What a check is, and what it returns: values that know nothing but a view of the history."""

from __future__ import annotations

import copy
import math
from abc import ABC, abstractmethod
from collections.abc import Hashable, Iterator
from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, ClassVar, Literal, Self

from testbed.errors import CheckError, nearest
from testbed.spec.edges import normal_edge

if TYPE_CHECKING:
    from testbed.checks.judging.view import View
    from testbed.history.index import Index

Outcome = Literal["held", "violated", "inconclusive"]


@dataclass(frozen=True, slots=True)
class Verdict:
    """What one check found in one population and phase: texts, ready to be shown, and the outcome."""

    check: str  # as its author wrote it
    population: str  # "all", "affected", "touched (descriptive)"
    phase: str
    outcome: Outcome
    observed: str
    bound: str
    n: int  # how many requests or calls were judged
    margin: str = ""  # how far from the bound: "41 ms to spare"
    confidence: str = "exact"  # or "95 %"
    source: str = ""  # who saw it: "load", "caller's proxy"
    edge: str = ""
    policy: str = ""  # the policies on that edge, as in the topology
    why: str = ""  # for red verdicts: the reason, and what would have been enough
    next: str = ""  # for red verdicts: the next thing to look at
    timed: bool = True  # False: counts decided, so a slow testbed cannot be the reason
    title: str = ""  # the check without its bounds: "attempts checkout -> pricing"
    reaction: bool = False  # the claim is that something happens because of a fault: without one it cannot hold


@dataclass(frozen=True)
class Check(ABC):
    """One claim about a run. Subclasses add their bounds as fields, refuse bad ones in `validate`, and judge a view."""

    phase: str | None = field(default=None, kw_only=True)

    default_phase: ClassVar[str | None] = None  # the phase to judge unless `during` names another
    takes_tcp: ClassVar[bool] = False  # True: can judge an edge of which connections are on record, and no requests

    def __post_init__(self) -> None:
        """Refuse bounds that make no sense, when they are written down."""
        self.validate()

    def validate(self) -> None:  # noqa: B027 (a hook, not a duty)
        """Raise `CheckError` for a bound that makes no sense."""

    @property
    def name(self) -> str:
        """The word that users write: `availability`."""
        return type(self).__name__

    @property
    @abstractmethod
    def bound(self) -> str:
        """The bound in words: `at least 99 %`."""

    @abstractmethod
    def judge(self, view: View) -> Verdict:
        """Judge one view, whose evidence is known to be complete and which holds at least one request."""

    def during(self, phase: str) -> Self:
        """Return the same check for another phase: `availability(at_least_percent=99).during("healed")`."""
        other = copy.copy(self)
        object.__setattr__(other, "phase", phase)
        return other

    def needs(self, view: View) -> tuple[str, ...]:
        """Return the sources whose record must be complete: "requests", "attempts", "calls", "arrivals"."""
        return ("requests",)

    def views(self, view: View) -> tuple[View, ...]:
        """Return every stretch of time that is judged: the view itself, and a baseline if there is one."""
        return (view,)

    def late_limit_ms(self) -> float:
        """Return how late the load may run (p99, milliseconds) before it may be to blame: no limit for counts."""
        return math.inf

    def slow_limit_ms(self) -> float:
        """Return how slow the testbed's own plane may be (milliseconds) before it may be to blame."""
        return self.late_limit_ms()

    def fits(self, index: Index) -> None:  # noqa: B027 (a hook, not a duty)
        """Raise `CheckError` if the run has no such edge, fallback or phase."""

    @property
    def reaction(self) -> bool:
        """Whether it claims that something happens *because* of a fault (a fallback is taken), so not without one."""
        return False

    def on_edge(self) -> str:
        """Return the edge that the check is about, "" if it is about requests as a whole."""
        return ""

    def on_edges(self, index: Index) -> tuple[str, ...]:
        """Return every edge whose record the check reads; none if it is about requests as a whole."""
        return (self.on_edge(),) if self.on_edge() else ()

    def topic(self) -> Hashable:
        """Return what the check bounds: two checks of one topic on the same requests say the same thing twice."""
        return self.name

    def contradicts(self, other: Check) -> str:
        """Return why both checks cannot hold at once, "" if they can."""
        return ""

    def verdict(
        self,
        view: View,
        outcome: Outcome,
        observed: str,
        n: int,
        *,
        margin: str = "",
        confidence: str = "exact",
        source: str = "load",
        why: str = "",
        next: str = "",
        timed: bool = True,
    ) -> Verdict:
        """Return a verdict of this check on this view; what it is about is filled in here."""
        edges = self.on_edges(view.index) or view.edges()
        return Verdict(
            check=str(self),
            population=str(view.population),
            phase=view.window.name,
            outcome=outcome,
            observed=observed,
            bound=self.bound,
            n=n,
            margin=margin,
            confidence=confidence,
            source=source,
            edge=", ".join(edges),
            policy=view.policies(edges),
            why=why,
            next=next,
            timed=timed,
            title=self.title,
            reaction=self.reaction,
        )

    def arguments(self) -> Iterator[str]:
        """Yield the arguments as their author wrote them."""
        for one in fields(self):
            value = getattr(self, one.name)
            if one.name != "phase" and (not one.kw_only or value != one.default):
                yield f"{one.name}={value!r}" if one.kw_only else repr(value)

    @property
    def title(self) -> str:
        """The check without its bounds, which tables show beside it: `attempts checkout -> pricing`."""
        bounds = tuple(f"{one.name}=" for one in fields(self) if one.kw_only)
        about = [text.strip("'\"") for text in self.arguments() if not text.startswith(bounds)]
        return f"{self.name} {', '.join(about)}".strip()

    def __str__(self) -> str:
        """Write the check as its author did."""
        during = f".during({self.phase!r})" if self.phase else ""
        return f"{self.name}({', '.join(self.arguments())}){during}"


@dataclass(frozen=True)
class EdgeCheck(Check):
    """A check of one edge, written as in the topology: "checkout -> pricing"."""

    edge: str

    def __post_init__(self) -> None:
        """Write the edge with single spaces."""
        object.__setattr__(self, "edge", normal_edge(str(self.edge)))
        super().__post_init__()

    def fits(self, index: Index) -> None:
        """Raise `CheckError` if the run has no such edge."""
        if self.edge not in index.edges:
            raise CheckError(f"{self}: there is no edge {self.edge!r}{nearest(self.edge, index.edges)}")

    def on_edge(self) -> str:
        """Return the edge."""
        return self.edge

    def topic(self) -> Hashable:
        """Return name and edge."""
        return (self.name, self.edge)
