"""The workload: the request, its rate, its users and their cohorts. Values only."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Literal, TypedDict, Unpack

from testbed.arguments import checked, is_number, is_whole, refuse_misfits, shown
from testbed.errors import LoadError, nearest
from testbed.load.recording import BODIES_KB

MOST_RPS = 100_000
MOST_BODIES_KB = 65_536
MOST_USERS = 1_000_000
OWN_HEADERS = ("baggage", "traceparent", "x-request-id")
FRAMING = ("connection", "content-length", "transfer-encoding")
NAME = re.compile(r"[A-Za-z0-9._-]+")
_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_PATH = re.compile(r"/[!-~]*")
_METHOD = re.compile(r"/[A-Za-z0-9._]+/[A-Za-z0-9_]+")
_PERCENT = re.compile(r"\s*(-?\d+(?:\.\d+)?)\s*%\s*")
_PLACEHOLDER = re.compile(r"\{([^{}]*)\}")


def _check_header(name: str, value: str) -> None:
    if not _TOKEN.fullmatch(name):
        raise LoadError(f"header name {name!r} is not allowed in HTTP")
    if name.lower() in OWN_HEADERS + FRAMING:
        raise LoadError(f"header {name!r} is set by the load itself; choose another name")
    if not value.isprintable() or not value.isascii():
        raise LoadError(f"header {name!r}: value {value!r} is not printable ASCII")


@dataclass(frozen=True, slots=True)
class RequestTemplate:
    """One request as every user sends it; made by `get`, `post` and `unary`."""

    method: str
    path: str
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    rpc: bool = False  # a unary call in gRPC: `path` is its method, `body` its message

    def __post_init__(self) -> None:
        refuse_misfits(self, LoadError, self._check)
        self._check()

    def _check(self) -> None:
        if not re.fullmatch(r"[A-Z]+", self.method):
            raise LoadError(f"method {self.method!r} is not an upper-case HTTP method such as 'GET'")
        if not self.path.startswith("/"):
            raise LoadError(f"path {self.path!r} must begin with '/': write {'/' + self.path!r}")
        if not _PATH.fullmatch(self.path) or "#" in self.path:
            raise LoadError(f"path {self.path!r} has a character that must be percent-encoded")
        for name, value in self.headers.items():
            _check_header(name, value)

    def __str__(self) -> str:
        """Write method and path, as in "GET /checkout"."""
        return f"{'unary' if self.rpc else self.method} {self.path}"


@checked(LoadError)
def get(path: str, headers: Mapping[str, str] | None = None) -> RequestTemplate:
    """Return a GET of `path` (which begins with ``/``); raises LoadError if HTTP does not allow it."""
    return RequestTemplate("GET", path, headers=dict(headers or {}))


@checked(LoadError)
def post(path: str, body: str | bytes = b"", headers: Mapping[str, str] | None = None) -> RequestTemplate:
    """Return a POST of `body` (text goes as UTF-8) to `path`; raises LoadError if HTTP does not allow it."""
    return RequestTemplate("POST", path, body.encode() if isinstance(body, str) else body, dict(headers or {}))


@checked(LoadError)
def unary(method: str, message: bytes = b"", metadata: Mapping[str, str] | None = None) -> RequestTemplate:
    """Return a unary gRPC call of a method such as "/shop.v1.Stock/Get", to an entry that speaks gRPC.

    `message` is an encoded message (`request.SerializeToString()`); the default is the empty message. Raises
    LoadError for an invalid method or message.
    """
    if not _METHOD.fullmatch(method):
        raise LoadError(f"{method!r} is not a gRPC method: write '/package.Service/Method'")
    return RequestTemplate("POST", method, message, dict(metadata or {}), rpc=True)


@dataclass(frozen=True, slots=True)
class Workload:
    """A load: a template, a rate in requests per second, and users; made by `constant_rate` and `poisson`.

    `cohorts` maps name to share in (0, 1]. A cohort in `cohort_rps` has a separate stream of requests, in
    addition to `rps`; all other users, including those of the other cohorts, share the stream of `rps`.
    """

    template: RequestTemplate
    arrivals: Literal["constant", "poisson"]
    rps: float
    users: int = 1000
    cohorts: Mapping[str, float] = field(default_factory=dict)
    cohort_rps: Mapping[str, float] = field(default_factory=dict)
    user_headers: Mapping[str, str] = field(default_factory=dict)
    timeout_s: float = 10
    follow_redirects: bool = True
    bodies_kb: float = BODIES_KB

    def __post_init__(self) -> None:
        refuse_misfits(self, LoadError, self._check)
        self._check()

    def _check(self) -> None:
        _check_rate("rps", self.rps)
        if not 0 < self.timeout_s < math.inf:
            raise LoadError(f"timeout_s={self.timeout_s!r}: it must be a number of seconds above 0")
        if not 0 <= self.bodies_kb <= MOST_BODIES_KB:
            raise LoadError(f"bodies_kb={self.bodies_kb!r}: it must be a number from 0 to {MOST_BODIES_KB:,}")
        if not (is_whole(self.users) and 1 <= self.users <= MOST_USERS):
            raise LoadError(f"users={self.users!r}: a load needs a whole number of users from 1 to {MOST_USERS:,}")
        for name, share in self.cohorts.items():
            _check_cohort(name, share, self.users)
        self._check_cohort_rates()
        self._check_sizes()
        taken = {name.lower() for name in self.template.headers}
        for header, text in self.user_headers.items():
            _check_user_header(header, text)
            if header.lower() in taken:
                raise LoadError(f"header {header!r} is in the request's own headers and in user_headers")

    def population(self, seed: int) -> dict[str, str]:
        """Return the cohort of every user of the load, "" for users without one.

        Users are ranked by a hash of (seed, user); the cohorts take round(share * users) each from the top.
        """
        users = user_ids(self.users)
        ranked = iter(sorted(users, key=lambda user: blake2b(f"cohort|{seed}|{user}".encode()).digest()))
        cohort = {next(ranked): name for name, share in self.cohorts.items() for _ in range(round(share * self.users))}
        return {user: cohort.get(user, "") for user in users}

    def _check_cohort_rates(self) -> None:
        for name, rate in self.cohort_rps.items():
            if name not in self.cohorts:
                raise LoadError(f"cohort_rps names an unknown cohort {name!r}{nearest(name, self.cohorts)}")
            _check_rate(f"cohort_rps[{name!r}]", rate)

    def _check_sizes(self) -> None:
        if (total := 100 * sum(self.cohorts.values())) > 100 + 1e-9:
            raise LoadError(f"the cohorts' shares add up to {total:g} %, more than all users")
        sizes = {name: round(share * self.users) for name, share in self.cohorts.items()}
        if sum(sizes.values()) > self.users:
            raise LoadError(f"the cohorts round to {sizes}, more than {self.users} users: use more users")
        if self.cohort_rps and sum(sizes[name] for name in self.cohort_rps) == self.users:
            raise LoadError("every user is in a cohort of cohort_rps, so no user is left for `rps`")


class Keywords(TypedDict, total=False):
    """The keywords of `constant_rate` and `poisson`."""

    users: int
    cohorts: Mapping[str, str]
    cohort_rps: Mapping[str, float]
    user_headers: Mapping[str, str]
    timeout_s: float
    follow_redirects: bool
    bodies_kb: float


def constant_rate(template: RequestTemplate, rps: float, **more: Unpack[Keywords]) -> Workload:
    """Return a load at a constant rate: request i of a stream is due exactly i/rps seconds after its first.

    users: how many (default 1000), with the stable ids u0001, u0002, ...
    cohorts: name to share of the users, {"trondheim": "5%"}; exactly that many users, each in one cohort at most.
    cohort_rps: name to a separate rate, in addition to `rps`.
    user_headers: headers whose values may hold {user} and {cohort}; an empty header is not sent.
    timeout_s: how long a user waits for the whole answer, from when the request is sent (default 10).
    follow_redirects: follow up to 5 redirects to the same server, as a browser does (default); the last answer counts.
    bodies_kb: how much text of distinct answers is kept for checks of their content (default 2048), at most 64 each.
    Raises LoadError with the nearest valid choice.
    """
    return _shape(template, "constant", rps, more)


def poisson(template: RequestTemplate, rps: float, **more: Unpack[Keywords]) -> Workload:
    """Return a load with independent arrivals at a mean rate (exponential gaps); keywords as for `constant_rate`."""
    return _shape(template, "poisson", rps, more)


def user_ids(users: int) -> list[str]:
    """Return the ids of that many users: u0001, u0002, ... (more digits beyond 9999)."""
    width = max(4, len(str(users)))
    return [f"u{number:0{width}d}" for number in range(1, users + 1)]


def _shape(template: RequestTemplate, arrivals: Literal["constant", "poisson"], rps: float, more: Keywords) -> Workload:
    if not isinstance(template, RequestTemplate):
        raise LoadError(f"{arrivals}() takes a request such as get('/checkout') first, not {shown(template)}")
    if unknown := sorted(set(more) - Keywords.__optional_keys__):
        raise LoadError(f"{arrivals}() has no {unknown[0]!r}{nearest(unknown[0], Keywords.__optional_keys__)}")
    for name in ("cohorts", "cohort_rps", "user_headers"):
        if not isinstance(given := more.get(name, {}), Mapping):
            raise LoadError(f"{name} must be a mapping, not {shown(given)}")
    return Workload(
        template,
        arrivals,
        rps,
        more.get("users", 1000),
        {name: _share(name, text) for name, text in more.get("cohorts", {}).items()},
        dict(more.get("cohort_rps", {})),
        dict(more.get("user_headers", {})),
        more.get("timeout_s", 10),
        more.get("follow_redirects", True),
        more.get("bodies_kb", BODIES_KB),
    )


def _share(cohort: str, text: str) -> float:
    match = _PERCENT.fullmatch(text) if isinstance(text, str) else None
    if match is None:
        raise LoadError(f"cohort {shown(cohort)}: share {shown(text)} is not a percentage; write it as '5%'")
    return float(match[1]) / 100


def _check_rate(name: str, rate: float) -> None:
    if not is_number(rate) or rate <= 0:
        raise LoadError(f"{name}={rate!r}: a rate is a number of requests per second above 0")
    if rate > MOST_RPS:
        raise LoadError(f"{name}={rate:g}: more than {MOST_RPS} requests per second is too much for one load driver")


def _check_cohort(name: str, share: float, users: int) -> None:
    if not NAME.fullmatch(name):
        raise LoadError(f"cohort {name!r}: a name has only letters, digits, '.', '_' and '-'")
    if not 0 < share <= 1:
        raise LoadError(f"cohort {name!r}: {100 * share:g} % is not a share of the users; it lies in (0 %, 100 %]")
    if round(share * users) == 0:
        raise LoadError(f"cohort {name!r}: {100 * share:g} % of {users} users is no user: use more users")


def _check_user_header(header: str, text: str) -> None:
    _check_header(header, text)
    for placeholder in _PLACEHOLDER.findall(text):
        if placeholder not in ("user", "cohort"):
            hint = nearest(placeholder, ("user", "cohort"))
            raise LoadError(f"header {header!r}: {{{placeholder}}} is unknown{hint}")
