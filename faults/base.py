"""The base of every fault: a frozen value with a target and a scope, which returns its operations."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import Field, dataclass, field, fields, replace
from typing import Any, ClassVar, Literal, Self

from testbed.arguments import checked, is_number, refuse_misfits
from testbed.errors import FaultError
from testbed.faults.operations import Operation, Scope
from testbed.faults.scope import Scoping
from testbed.faults.target import FaultContext, Target, links_from_replicas, links_into, links_of
from testbed.plan.values import Link
from testbed.spec.edges import no_requests, normal_edge

ALWAYS_WRITTEN = ("status", "kind", "share", "percent")  # in the text of a fault, also where it is the default

Plane = Literal["link", "inlet", "process", "packets"]


@dataclass(frozen=True, kw_only=True)
class Fault:
    """One kind of failure. `on` sets its target; the testbed injects it.

    Each subclass is a fault: it adds keyword fields, checks them in `validate`, and returns its operations. A fault
    never acts by itself.
    """

    plane: ClassVar[Plane]
    momentary: ClassVar[bool] = False  # True: it ends as soon as it is done (a restart)
    on_proxies: ClassVar[bool] = False  # True: may act on a mesh proxy
    alternates: ClassVar[bool] = False  # True: it comes and goes, so `steps` has more than one
    instead: ClassVar[str] = ""  # what to use if a runtime cannot do it

    target: Target = field(default=Target(), repr=False)
    scoping: Scoping = field(default=Scoping(), repr=False)
    waits_s: float = field(default=0, repr=False)

    def __post_init__(self) -> None:
        """Refuse impossible values before anything starts."""
        refuse_misfits(self, FaultError, self.validate)
        self.normalize()
        self.validate()

    def normalize(self) -> None:
        """Bring values into their usual form; each has the type of its field."""

    def validate(self) -> None:
        """Raise `FaultError` if a value is out of its range."""

    @checked(FaultError)
    def on(
        self,
        edge: str | None = None,
        *,
        service: str | None = None,
        replica: str | None = None,
        proxy: str | None = None,
    ) -> Self:
        """Aim at an edge ("checkout -> pricing"), at a whole service or at one replica ("pricing-1").

        An edge with `replica=` is only the part of the edge to that replica. `proxy` is the mesh proxy of a replica
        ("checkout-1") or of a node ("node-1"); some process faults accept it.
        """
        return replace(self, target=self._aim(Target(edge or None, service, replica, proxy or None)))

    def _aim(self, target: Target) -> Target:
        """Return the target in the form of this fault; `FaultError` if the fault does not accept it."""
        some = target.edge or target.service or target.replica
        if target.proxy and not self.on_proxies:
            raise FaultError(
                f"{self}.on(proxy={target.proxy!r}) is not possible: kill, pause, restart and crash_loop act on one"
            )
        if target.proxy and some:
            raise FaultError(f"{self}.on(...): proxy= cannot be combined with another target")
        if target.proxy:
            return Target(proxy=target.proxy)
        if not some or (target.service and (target.edge or target.replica)):
            raise FaultError(f"{self}.on(...) takes an edge, service= or replica= (an edge may add replica=)")
        return replace(target, edge=normal_edge(target.edge) if target.edge else None)

    def for_users(self, *users: str, percent: float | None = None) -> Self:
        """Affect exactly these users, or exactly this share of the load's users (the seed selects them once)."""
        raise self._unscopable("for_users")

    def for_cohort(self, cohort: str) -> Self:
        """Affect the users of one cohort of the load."""
        raise self._unscopable("for_cohort")

    def for_requests(self, *, percent: float) -> Self:
        """Affect this share of the requests, drawn again for every call and attempt (a retry often succeeds)."""
        raise self._unscopable("for_requests")

    def for_attempts(self, *attempts: int) -> Self:
        """Affect only these attempts of a call: 1 is the first attempt of the caller's proxy."""
        raise self._unscopable("for_attempts")

    def _unscopable(self, method: str) -> FaultError:
        return FaultError(f"{self.name}(...).{method} is not possible: a {self.plane} fault cannot select requests")

    @checked(FaultError)
    def after(self, *, s: float) -> Self:
        """Come into force `s` seconds after it is injected, for several faults in one experiment."""
        positive(self, s=s)
        if self.waits_s:
            raise FaultError(f"{self} has a wait already, so .after(s={s:g}) contradicts it")
        return replace(self, waits_s=s)

    @property
    def lasts_s(self) -> float:
        """Its duration in seconds; by default infinite, until it is healed."""
        return 0 if self.momentary else math.inf

    @property
    def passing(self) -> bool:
        """Whether it is not always in force until it is healed: it waits, ends by itself, or comes and goes."""
        return self.alternates or self.waits_s > 0 or math.isfinite(self.lasts_s)

    def steps(self, context: FaultContext) -> Iterator[FaultStep]:
        """The steps of the fault: which part is in force at which time. Raises `FaultError` if it does not fit."""
        yield FaultStep(replace(self, waits_s=0), self.waits_s, self.lasts_s)

    def one_by_one(self, context: FaultContext) -> tuple[Fault, ...]:
        """The same fault on each replica of its target, one after the other."""
        if self.target.replica or self.target.proxy:
            raise FaultError(
                f"{self} acts on one process, so it cannot go from replica to replica: use .on(service=...) or an edge"
            )
        aims = dict.fromkeys(Target(self.target.edge, replica=link.callee) for link in self.affected_links(context))
        return tuple(replace(self, target=aim) for aim in aims)

    @property
    def name(self) -> str:
        """The name that users write: `latency`."""
        return type(self).__name__

    def operations(self, context: FaultContext, fault: str) -> tuple[Operation, ...]:
        """The operations in order (they are undone in reverse order). `fault` is the id of this injection.

        Raises `FaultError` if target or scope do not fit the context.
        """
        raise NotImplementedError

    def affected_links(self, context: FaultContext) -> tuple[Link, ...]:
        """The links on which this fault acts."""
        return links_of(self.target, context, self)

    def _is_written(self, one: Field[Any]) -> bool:
        """Whether its text names this field: always what a reader needs, any other unless it has its default."""
        return one.name in ALWAYS_WRITTEN or getattr(self, one.name) != one.default

    def __str__(self) -> str:
        """Return the fault as written in the test, always with status, kind and share."""
        own = [f for f in fields(self) if f.repr]
        values = [(f.name, getattr(self, f.name)) for f in own if self._is_written(f)]
        shown = [str(value) if isinstance(value, Fault) else f"{key}={value!r}" for key, value in values]
        aim = f".on({self.target})" if self.target != Target() else ""
        wait = f".after(s={self.waits_s:g})" if self.waits_s else ""
        return f"{self.name}({', '.join(shown)}){aim}{self.scoping}{wait}"


@dataclass(frozen=True)
class FaultStep:
    """One step of a fault: `part` comes into force `after_s` after the step before ended, for `for_s`."""

    part: Fault
    after_s: float
    for_s: float  # infinite: until the fault is healed


class LinkFault(Fault):
    """A fault of the network between two replicas: it acts on connections, so it cannot select requests."""

    plane: ClassVar[Plane] = "link"
    twin: ClassVar[str]  # the request fault to use instead

    def _unscopable(self, method: str) -> FaultError:
        return FaultError(
            f"{self.name}(...).{method} is not possible: a link fault acts on connections, which many requests share. "
            f"Use {self.twin}.{method}(...), which acts on single requests at the inlet"
        )


class ProcessFault(Fault):
    """A fault of the process of a replica: it affects every caller of that replica."""

    plane: ClassVar[Plane] = "process"

    def affected_links(self, context: FaultContext) -> tuple[Link, ...]:
        """The links into its target; for a process that no service calls, the links of its own calls."""
        if self.target.proxy:
            return links_of(self.target, context, self)
        return links_into(self.target, context, self) or links_from_replicas(self.target, context)

    def _unscopable(self, method: str) -> FaultError:
        return FaultError(
            f"{self.name}(...).{method} is not possible: a process is up or down for all callers. "
            f"Use abort(503).{method}(...) for single requests"
        )


@dataclass(frozen=True, kw_only=True)
class RequestFault(Fault):
    """A fault of single requests. The inlet makes it, so every kind of scope is possible."""

    plane: ClassVar[Plane] = "inlet"
    twin: ClassVar[str]  # the link fault to use if there is no inlet

    @checked(FaultError)
    def for_users(self, *users: str, percent: float | None = None) -> Self:
        """Affect exactly these users, or exactly this share of the load's users (the seed selects them once)."""
        return replace(self, scoping=self.scoping.users(users, percent))

    @checked(FaultError)
    def for_cohort(self, cohort: str) -> Self:
        """Affect the users of one cohort of the load."""
        return replace(self, scoping=self.scoping.of_cohort(cohort))

    @checked(FaultError)
    def for_requests(self, *, percent: float) -> Self:
        """Affect this share of the requests, drawn again for every call and attempt (a retry often succeeds)."""
        return replace(self, scoping=self.scoping.requests(percent))

    @checked(FaultError)
    def for_attempts(self, *attempts: int) -> Self:
        """Affect only these attempts of a call: 1 is the first attempt of the caller's proxy."""
        return replace(self, scoping=self.scoping.of_attempts(attempts))

    def inlets(self, context: FaultContext) -> tuple[str, ...]:
        """The inlet addresses to act on; `FaultError` if an edge has no request faults."""
        links = links_of(self.target, context, self)
        if tcp := sorted({link.edge for link in links if link.protocol == "tcp"}):
            raise FaultError(f"{self}: {no_requests(tcp[0])}. Use {self.twin}, or a packet fault")
        bare = sorted({link.edge for link in links if link.inlet is None})
        if bare:
            why = f"{bare[0]} has requestFaults: off, so only link and process faults act on it"
            raise FaultError(f"{self}: {why}. Use {self.twin}, which acts on the link")
        return tuple(link.inlet for link in links if link.inlet)

    def scope(self, context: FaultContext) -> Scope:
        """The scope with the users of the running load."""
        return self.scoping.resolve(context.users, context.seed, str(self))


def positive(fault: Fault, **values: float) -> None:
    """Raise `FaultError` unless every value is above zero."""
    for key, value in values.items():
        if not (is_number(value) and value > 0):
            raise FaultError(f"{fault}: {key} must be above 0")


def not_negative(fault: Fault, **values: float) -> None:
    """Raise `FaultError` unless every value is zero or more."""
    for key, value in values.items():
        if not (is_number(value) and value >= 0):
            raise FaultError(f"{fault}: {key} must not be negative")
