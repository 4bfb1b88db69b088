"""The service itself: choose the route, work, make the calls, and answer with what happened."""

from __future__ import annotations

import itertools
import json

from .attempts import AttemptLog
from .calls import FALLBACK_HEADER, Caller, Result
from .client import Client
from .deadline import Deadline
from .gate import Gate, Shed
from .pool import Pool
from .work import draw, unit

TYPE_CHECKING = False
if TYPE_CHECKING:
    import socket
    from typing import Any

    from .settings import Settings

    Answer = tuple[int, dict[str, str], bytes]

JSON = {"content-type": "application/json"}
DEADLINE = "x-envoy-expected-rq-timeout-ms"  # the only x-envoy-* header that an app may propagate
CONTEXT = ("traceparent", "tracestate", "baggage", "x-request-id")


class Request:
    """One request: method, path, headers (names in lower case) and the client that sent it."""

    def __init__(self, method: str, path: str, headers: dict[str, str], client: Client) -> None:
        self.method = method
        self.path = path
        self.headers = headers
        self.client = client
        self.tag = _baggage_member(headers.get("baggage", ""), "tb.id")


class Service:
    """Answers requests as its behaviour says."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        behaviour = settings.behaviour
        self._default, self._routes = behaviour["default"], behaviour["routes"]
        forward = [*CONTEXT, *(name.lower() for name in behaviour["forward"])]
        self._forward = [name for name in forward if name == DEADLINE or not name.startswith("x-envoy-")]
        self._shed = behaviour["concurrency"] and behaviour["concurrency"]["shed"]
        self._gate = _gate(behaviour["concurrency"])
        self._pool = Pool()
        self._log = AttemptLog(settings.attempt_log, settings.replica)
        self._numbers = itertools.count(1)
        self._memory: dict[tuple[str, str, str], Any] = {}

    def client(self, sock: socket.socket) -> Client:
        """Return the client of a connection; the behaviour says whether work stops when it disconnects."""
        return Client(sock, heeded=self._settings.behaviour["hang_up"] == "stop")

    def answer(self, request: Request) -> Answer:
        """Return status, headers and body. Raises `Cancelled` if the client disconnects first."""
        if (request.method, request.path) == ("POST", self._settings.behaviour["reset"]):
            self._memory.clear()
        deadline = Deadline(self._settings.behaviour["deadline"], request.headers)
        if self._gate is None:
            return self._worked(request, deadline)
        try:
            self._gate.enter(request.client)
        except Shed:
            return self._shed, {**JSON, "x-testbed-shed": "1"}, self._body(status=self._shed, error="shed")
        try:
            return self._worked(request, deadline)
        finally:
            self._gate.leave()

    def _worked(self, request: Request, deadline: Deadline) -> Answer:
        if deadline.over:
            return 504, JSON, self._body(status=504, error="deadline")
        route = self._route(request)
        ms = draw(route["work"], self._unit(request))
        request.client.sleep(ms)
        result = self._called(route, request, deadline)
        status, error = result.failed or (route["answer"]["status"], None)
        fields = {"path": request.path, "status": status, "work": ms, "calls": result.calls}
        fields |= {"answers": result.answers, "fallbacks": result.fallbacks, "padding": "x" * route["answer"]["bytes"]}
        if error is not None:
            fields["error"] = error
        taken = {FALLBACK_HEADER: ",".join(result.fallbacks)} if result.fallbacks else {}
        return status, JSON | taken, self._body(**fields)

    def _called(self, route: dict[str, Any], request: Request, deadline: Deadline) -> Result:
        headers = {name: request.headers[name] for name in self._forward if name in request.headers}
        told = (headers, request.tag, deadline, self._memory, self._settings.behaviour["grpc"])
        caller = Caller(self._pool, self._settings.upstreams, self._log, request.client, *told)
        total = Result()
        for step in route["steps"]:
            total.add(caller.step(step["parallel"]))
            if total.failed:
                break
        return total

    def _route(self, request: Request) -> dict[str, Any]:
        named: dict[str, Any] | None = self._routes.get(f"{request.method} {request.path}")
        return named or self._routes.get(request.path) or self._default

    def _unit(self, request: Request) -> float:
        name = request.tag or request.headers.get("x-request-id") or str(next(self._numbers))
        text = f"{self._settings.seed}|{name}|{self._settings.service}|{request.path}"
        return unit(text.encode("latin-1"))  # the very bytes that came

    def _body(self, **fields: Any) -> bytes:
        body = {"service": self._settings.service, "replica": self._settings.replica, **fields}
        return json.dumps(body, separators=(",", ":")).encode()


def _gate(concurrency: dict[str, int] | None) -> Gate | None:
    return Gate(concurrency["limit"], concurrency["queue"]) if concurrency else None


def _baggage_member(baggage: str, key: str) -> str:
    """Return the value of one member of a W3C `baggage` header, "" if there is none."""
    for member in baggage.split(","):
        name, _, value = member.partition(";")[0].partition("=")
        if name.strip() == key:
            return value.strip()
    return ""
