"""Calls to upstreams: tries, retries, fallbacks, and steps of parallel calls."""

from __future__ import annotations

import json
import threading
import time

from .client import Cancelled
from .pool import Pool, error_name, request_bytes
from .wire import Malformed

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from .attempts import AttemptLog
    from .client import Client
    from .deadline import Deadline
    from .settings import Upstream

    Answer = tuple[dict[str, str], bytes]  # headers and body
    Key = tuple[str, str, str]  # to, method and path of a call

FALLBACK_HEADER = "x-testbed-fallback"


class Outcome:
    """How one call ended: status (0 is no answer), tries, milliseconds, error, fallbacks named in the answer."""

    def __init__(self) -> None:
        self.status = 0
        self.tries = 0
        self.ms = 0.0
        self.error = ""
        self.fallbacks: list[str] = []
        self.grpc: int | None = None  # the status of a gRPC call; `status` is then the HTTP status that says the same

    def told(self) -> dict[str, Any]:
        """Return its fields in the attempt log."""
        if self.grpc is None:
            return {"status": self.status, "error": self.error}
        return {"status": 200, "grpc": self.grpc, "error": self.error}

    @property
    def ok(self) -> bool:
        """Whether the call succeeded."""
        return 200 <= self.status < 400


class Result:
    """What calls add to the answer; `failed` is (status, error text) if the request fails because of them."""

    def __init__(self) -> None:
        self.calls: list[dict[str, Any]] = []
        self.answers: dict[str, Any] = {}
        self.own: list[str] = []
        self.passed: list[str] = []
        self.failed: tuple[int, str] | None = None

    def add(self, other: Result) -> None:
        """Add another result; the first failure counts."""
        self.calls += other.calls
        self.answers.update(other.answers)
        self.own += other.own
        self.passed += other.passed
        self.failed = self.failed or other.failed

    @property
    def fallbacks(self) -> list[str]:
        """All fallbacks taken, those of this service first, each once."""
        return list(dict.fromkeys(self.own + self.passed))


class Caller:
    """Makes the calls of one request, with its headers, until its client disconnects."""

    def __init__(
        self,
        pool: Pool,
        upstreams: dict[str, Upstream],
        log: AttemptLog,
        client: Client,
        headers: dict[str, str],
        request: str,
        deadline: Deadline,
        memory: dict[Key, Any],
        statuses: dict[str, Any],
    ) -> None:
        self._pool = pool
        self._upstreams = upstreams
        self._log = log
        self._client = client
        self._headers = headers
        self._request = request
        self._deadline = deadline
        self._memory = memory
        self._statuses = statuses

    def step(self, calls: list[dict[str, Any]]) -> Result:
        """Make the calls in parallel and wait for all. Raises `Cancelled` if the client has disconnected."""
        results: dict[int, Result] = {}

        def one(index: int) -> None:
            results[index] = self._call(calls[index])

        threads = [threading.Thread(target=one, args=(index,), daemon=True) for index in range(1, len(calls))]
        for thread in threads:
            thread.start()
        if calls:
            one(0)
        for thread in threads:
            thread.join()
        if self._client.gone():
            raise Cancelled
        total = Result()
        for index in range(len(calls)):
            total.add(results[index])
        return total

    def _call(self, call: dict[str, Any]) -> Result:
        outcome = self._with_retries(call)
        result = Result()
        entry = {"to": call["to"], "path": call["path"], "status": outcome.status, "tries": outcome.tries}
        result.calls.append({**entry, "ms": round(outcome.ms, 3), "failure": None, "fallback": None})
        result.passed += outcome.fallbacks
        if not outcome.ok and outcome.error != "cancelled":
            self._fall_back(call, outcome, result)
        return result

    def _fall_back(self, call: dict[str, Any], outcome: Outcome, result: Result) -> None:
        way = call["on_failure"]
        result.calls[0].update(failure=way["kind"], fallback=way.get("name"))
        if way["kind"] == "fail":
            status = outcome.status if outcome.status in way["keep"] else way["status"]
            result.failed = (status, f"{call['to']}: {outcome.status or outcome.error}")
        elif way["kind"] == "default":
            result.answers[way["name"]] = way["answer"]
            result.own.append(way["name"])
        elif way["kind"] == "stale":
            self._repeat(call, outcome, result)
        elif way["kind"] == "call":
            result.own.append(way["name"])
            result.add(self._call(way["call"]))

    def _repeat(self, call: dict[str, Any], outcome: Outcome, result: Result) -> None:
        """Use the answer of the last success of the call; fail with 503 before the first."""
        name = call["on_failure"]["name"]
        if (key := _key(call)) in self._memory:
            result.answers[name] = self._memory[key]
            result.own.append(name)
        else:
            result.calls[0].update(fallback=None)
            result.failed = (503, f"{call['to']}: {outcome.status or outcome.error}, and no stored answer yet")

    def _with_retries(self, call: dict[str, Any]) -> Outcome:
        """Try until a success or the last try, and write the call to the attempt log."""
        outcome, call_id = Outcome(), self._log.call_id()
        start, began = time.time(), time.monotonic()
        common = {"request": self._request, "to": call["to"], "call": call_id}
        for number in range(1, call["retries"] + 2):
            if why := self._unwanted(call["pause"] if number > 1 else 0):
                outcome.status, outcome.error = 0, why
                break
            outcome.tries = number
            self._try(call, outcome, common)
            if outcome.ok or outcome.error == "cancelled":
                break
        outcome.ms = (time.monotonic() - began) * 1000
        if outcome.tries:
            self._log.write("call", start, outcome.ms, **common, tries=outcome.tries, **outcome.told())
        return outcome

    def _unwanted(self, pause: float) -> str:
        """Wait, and return why there must be no other try, "" if there may be one."""
        try:
            self._client.sleep(pause)
        except Cancelled:
            return "cancelled"
        return "deadline" if self._deadline.over else ""

    def _try(self, call: dict[str, Any], outcome: Outcome, common: dict[str, str]) -> None:
        upstream = self._upstreams[call["to"]]
        host = upstream.next_host()
        start, began = time.time(), time.monotonic()
        outcome.status, outcome.error, outcome.fallbacks, outcome.grpc = 0, "", [], None
        try:
            send = self._rpc if call["protocol"] == "grpc" else self._request_once
            headers, body = send(call, upstream, host, outcome)
            outcome.fallbacks = _names(headers.get(FALLBACK_HEADER, ""))
            if outcome.ok and _keeps(call):
                self._memory[_key(call)] = _value(body)
        except (OSError, EOFError, Cancelled, Malformed) as error:
            outcome.error = error_name(error)
        ms = (time.monotonic() - began) * 1000
        self._log.write("try", start, ms, **common, host=host, **{"try": outcome.tries}, **outcome.told())

    def _request_once(self, call: dict[str, Any], upstream: Upstream, host: str, outcome: Outcome) -> Answer:
        deadline, headers = self._deadline.within(call["timeout"]), self._headers | self._deadline.told()
        request = request_bytes(call["method"], upstream.prefix + call["path"], upstream.name, headers)
        keep = _keeps(call)
        outcome.status, got, body = self._pool.exchange(host, request, call["method"], self._client, deadline, keep)
        return got, body

    def _rpc(self, call: dict[str, Any], upstream: Upstream, host: str, outcome: Outcome) -> Answer:
        from .rpc_client import channel  # only where it is needed: it takes 0.1 s and more

        deadline, headers = self._deadline.within(call["timeout"]), self._headers | self._deadline.told()
        there = channel(host, upstream.name)
        outcome.grpc, got, body = there.exchange(call["method"], call["path"], headers, self._client, deadline)
        outcome.status = self._statuses["http"][outcome.grpc]
        outcome.error = self._statuses["names"][outcome.grpc] if outcome.grpc else ""
        return got, body


def _keeps(call: dict[str, Any]) -> bool:
    return bool(call["on_failure"]["kind"] == "stale")


def _key(call: dict[str, Any]) -> Key:
    return call["to"], call["method"], call["path"]


def _value(body: bytes) -> Any:
    """Return the body of an answer: as JSON, else as text."""
    try:
        return json.loads(body)
    except ValueError:
        return body.decode(errors="replace")


def _names(text: str) -> list[str]:
    return [name.strip() for name in text.split(",") if name.strip()]
