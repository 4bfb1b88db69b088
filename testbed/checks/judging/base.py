"""What a check is, and what it returns. Both are values: a check reads a view of the history and nothing else."""

from __future__ import annotations

import copy
from abc import ABC, abstractmethod
from collections.abc import Hashable, Iterator, Mapping
from dataclasses import dataclass, field, fields, replace
from typing import TYPE_CHECKING, ClassVar, Literal, Self

from testbed.arguments import checked, refuse_misfits
from testbed.checks.judging.acted import policies_of
from testbed.checks.judging.selection import Predicate, Selection
from testbed.errors import CheckError, nearest
from testbed.renamed import Spelling
from testbed.spec.edges import normal_edge

if TYPE_CHECKING:
    from testbed.checks.judging.view import View
    from testbed.history.index import Index

Outcome = Literal["held", "violated", "inconclusive"]
PRINTED: Mapping[Outcome, str] = {"held": "PASS", "violated": "FAIL", "inconclusive": "INCONCLUSIVE"}  # for people


@dataclass(frozen=True, slots=True)
class Verdict:
    """The result of one check in one population and phase: an outcome, and texts that are ready to print."""

    check: str  # as written in the test
    population: str  # "all", "affected", "touched (descriptive)"
    phase: str
    outcome: Outcome
    observed: str
    bound: str
    n: int  # how many requests or calls were judged
    margin: str = ""  # how far from the bound: "41 ms to spare"
    confidence: str = "exact"  # or "95 %"
    source: str = ""  # what recorded the evidence: "load", "caller's proxy"
    edge: str = ""
    policy: str = ""  # the policies on that edge, as in the topology
    why: str = ""  # for red verdicts: the reason, and how much evidence is needed
    next: str = ""  # for red verdicts: the next thing to look at
    timed: bool = True  # the outcome depends on times, and not on a count alone
    title: str = ""  # the check without its bounds: "attempts checkout -> pricing"
    reaction: bool = False  # the claim is about a reaction to a fault, so it cannot hold without one


ABOUT = ("phase", "who")  # fields that say which requests are judged; methods set them, not arguments


@dataclass(frozen=True)
class Check(ABC):
    """One claim about a run. A subclass adds its bounds as fields, checks them in `validate`, and judges a view.

    It is long because each question that is asked of a check is a method, with the answer of most checks.
    """

    phase: str | None = field(default=None, kw_only=True)
    who: Selection | None = field(default=None, kw_only=True)

    default_phase: ClassVar[str | None] = None  # the phase to judge unless `during` names another
    slack: ClassVar[tuple[str, ...]] = ()  # bounds (`..._s`, `..._ms`) on when something happens
    takes_part: ClassVar[bool] = True  # False: judges proxies or probes, so it knows no single users
    takes_tcp: ClassVar[bool] = False  # True: can judge a tcp edge, where only connections are recorded
    spelling: ClassVar[Spelling] = Spelling()  # the old names by which a test made it

    def __post_init__(self) -> None:
        """Refuse impossible bounds when the check is created."""
        refuse_misfits(self, CheckError, self.validate)
        self.normalize()
        self.validate()

    def normalize(self) -> None:  # noqa: B027 (a hook, not a duty)
        """Bring values into their usual form; each has the type of its field."""

    def validate(self) -> None:  # noqa: B027 (a hook, not a duty)
        """Raise `CheckError` for an impossible bound."""

    @property
    def name(self) -> str:
        """The name that users write: `availability`."""
        return type(self).__name__

    @property
    def written(self) -> str:
        """The name in the test, which may be an old one: `only_statuses`."""
        return self.spelling.name or self.name

    @property
    @abstractmethod
    def bound(self) -> str:
        """The bound in words: `at least 99 %`."""

    @abstractmethod
    def judge(self, view: View) -> Verdict:
        """Judge one view. Its evidence is complete, and it has at least one request."""

    @checked(CheckError)
    def during(self, phase: str) -> Self:
        """Return the same check for another phase: `availability(at_least_percent=99).during("healed")`."""
        if not phase:
            raise CheckError(f"{self}: during() takes the name of a phase")
        other = copy.copy(self)
        object.__setattr__(other, "phase", phase)
        return other

    @checked(CheckError)
    def for_cohort(self, cohort: str) -> Self:
        """Return the same check for the users of one cohort of the load, whether or not a fault has this scope.

        Raises `CheckError` for a check that does not judge single users. An unknown cohort is refused with the run.
        """
        if not cohort:
            raise CheckError(f"{self}: for_cohort() takes the name of a cohort of the load")
        return self._narrowed(replace(self.who or Selection(), cohort=cohort))

    def where(self, predicate: Predicate) -> Self:
        """Return the same check for the requests for which a function is true.

        `statuses(200).where(lambda request: request.path == "/cart")`. The function takes a `Request` of the history.
        Raises `CheckError` for what cannot be called, and for a check that does not judge single requests.
        """
        if not callable(predicate):
            raise CheckError(f"{self}: where() takes a function of a request, not {predicate!r}")
        return self._narrowed(replace(self.who or Selection(), predicate=predicate))

    def _narrowed(self, who: Selection) -> Self:
        if not self.takes_part:
            raise CheckError(f"{self} judges no single requests, so {who} cannot be added")
        other = copy.copy(self)
        object.__setattr__(other, "who", who)
        return other

    def needs(self, view: View) -> tuple[str, ...]:
        """Return the sources that must be complete: "requests", "attempts", "calls", "arrivals"."""
        return ("requests",)

    def views(self, view: View) -> tuple[View, ...]:
        """Return every stretch of time that is judged: the view itself, and a baseline if there is one."""
        return (view,)

    def bounds_latency(self) -> bool:
        """Return whether the claim is about the latencies of the load's requests, so that each must be known."""
        return False

    def when_steady(self) -> Check:
        """Return what the claim says of the time before the first fault: the same, unless it counts from a fault."""
        return self

    def relaxed(self, by_ms: float) -> Self:
        """Return the same check with its `slack` bounds later by this time, which the testbed may have added."""
        other = copy.copy(self)
        for name in self.slack:
            if (bound := getattr(self, name)) is not None:
                object.__setattr__(other, name, bound + (by_ms if name.endswith("_ms") else by_ms / 1000))
        return other

    def fits(self, index: Index) -> None:  # noqa: B027 (a hook, not a duty)
        """Raise `CheckError` if the run has no such edge, fallback or phase."""

    def unbreakable(self, view: View) -> str:
        """Return why nothing that could happen in this view would violate the bound, "" if something would.

        A check that holds by such a bound is inconclusive. `testbed.checks.judging.reach` has the arithmetic.
        """
        return ""

    @property
    def reaction(self) -> bool:
        """Whether the claim is about a reaction to a fault, such as a fallback. Without a fault it cannot hold."""
        return False

    def on_edge(self) -> str:
        """Return the edge that the check is about, "" if it is about whole requests."""
        return ""

    def on_edges(self, index: Index) -> tuple[str, ...]:
        """Return every edge that the check reads evidence of; none if it is about whole requests."""
        return (self.on_edge(),) if self.on_edge() else ()

    def topic(self) -> Hashable:
        """Return what the check bounds: two checks of one topic on the same requests are a repetition."""
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
        """Return a verdict of this check on this view, with check, population, phase, edges and policies filled in."""
        edges = self.on_edges(view.index)
        policy = view.policies(edges) if edges else policies_of(view, view.edges())
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
            edge=", ".join(edges or view.edges()),
            policy=policy,
            why=why,
            next=next,
            timed=timed,
            title=self.title,
            reaction=self.reaction,
        )

    def arguments(self) -> Iterator[str]:
        """Yield the arguments as written in the test."""
        for one in fields(self):
            value = getattr(self, one.name)
            if one.name not in ABOUT and value != one.default:
                text = str(getattr(value, "__name__", "...")) if callable(value) else repr(value)
                yield f"{self._keyword(one.name)}={text}" if one.kw_only else text

    def _keyword(self, name: str) -> str:
        return self.spelling.keywords.get(name, name)

    @property
    def title(self) -> str:
        """The check without its bounds, because tables show these beside it: `attempts checkout -> pricing`."""
        bounds = tuple(f"{self._keyword(one.name)}=" for one in fields(self) if one.kw_only)
        about = [text.strip("'\"") for text in self.arguments() if not text.startswith(bounds)]
        return f"{self.written} {', '.join(about)}".strip()

    def __str__(self) -> str:
        """Return the check as written in the test."""
        during = f".during({self.phase!r})" if self.phase else ""
        return f"{self.written}({', '.join(self.arguments())}){self.who or ''}{during}"


@dataclass(frozen=True)
class EdgeCheck(Check):
    """A check of one edge, written as in the topology: "checkout -> pricing"."""

    edge: str

    def normalize(self) -> None:
        """Write the edge with single spaces."""
        object.__setattr__(self, "edge", normal_edge(self.edge))

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
