"""Runs the load driver, a separate process: sends it schedules and collects the results of all requests."""

from __future__ import annotations

import json
import subprocess
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from itertools import count
from pathlib import Path
from queue import SimpleQueue
from tempfile import TemporaryFile
from types import TracebackType
from typing import IO, Self

from testbed import clock
from testbed.errors import TestbedError, Unavailable
from testbed.history.events import AnswerBody, Request
from testbed.history.private import without_secrets
from testbed.load.driver_protocol import address, chunk_text, request_of, rounds
from testbed.load.encoding import RequestEncoding
from testbed.load.recording import AnswerRecording, body_of
from testbed.load.schedule import ScheduledRequest
from testbed.runtime import child, open_files
from testbed.runtime.owner import MARK, me

LEAD_S = 0.02  # from send() to the first request, if the caller gives no time
GRACE_S = 5.0  # how late a report of the driver may be before it counts as stuck
QUIT_S = 2.0
HTTP = RequestEncoding()
USUAL = AnswerRecording()


class Driver:
    """One load driver process, which sends open loop to `targets` (replica to base URL, in shuffled rounds).

    All methods are synchronous, thread-safe, and do not wait for answers unless their docstring says so. It is long
    because it has both ends of the driver's life and both directions of its protocol.
    """

    def __init__(
        self,
        binary: Path,
        targets: Mapping[str, str],
        timeout_s: float = 10,
        seed: int = 0,
        spoken: RequestEncoding = HTTP,
        recorded: AnswerRecording = USUAL,
    ) -> None:
        """`timeout_s`: how long one request may take from when it is sent. Raises TestbedError on a bad target."""
        if not targets:
            raise TestbedError("a load driver needs at least one target")
        if not timeout_s > 0:
            raise TestbedError(f"timeout_s={timeout_s!r}: it must be a number of seconds above 0")
        self._replicas = list(targets)
        words = [f"-timeout={timeout_s:f}s", f"-protocol={spoken.protocol}", *recorded.words()]
        words += map(address, targets.values())
        self._argv, self._timeout_s = [str(binary), *words], timeout_s
        self._wire, self._queries = spoken.wire, recorded.queries
        self._choice = rounds(len(targets), seed)
        self._chunks, self._under_way = count(), set[int]()  # numbers; one `send` is one chunk
        self._last_due = 0.0  # of all requests
        self._planned: dict[str, tuple[ScheduledRequest, str]] = {}  # id to the request and its phase
        self._lines: list[bytes] = []  # results not yet read: parsing waits until the load is over
        self._results: list[Request] = []
        self._bodies: list[bytes] = []
        self._texts: SimpleQueue[Iterator[str] | None] = SimpleQueue()
        self._news, self._parsing = threading.Condition(), threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._threads: list[threading.Thread] = []
        self._closed = False
        self._death = ""
        self._cpu_s = 0.0

    def start(self) -> Self:
        """Start the process, on the clock of this one; raises Unavailable if the binary cannot be run."""
        self._complaints = TemporaryFile()  # noqa: SIM115
        pipe = subprocess.PIPE
        try:
            env = {MARK: str(me())}
            argv = [self._argv[0], f"-zero={clock.RUN.offset_s!r}", *self._argv[1:]]
            self._process = subprocess.Popen(argv, stdin=pipe, stdout=pipe, stderr=self._complaints, env=env)
        except OSError as error:
            self._complaints.close()
            raise Unavailable(f"cannot start the load driver {self._argv[0]}: {error.strerror}") from error
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._spawn(self._write, self._process.stdin)
        self._spawn(self._read, self._process, self._process.stdout)
        return self

    def _spawn(self, work: Callable[..., None], *args: object) -> None:
        thread = threading.Thread(target=work, args=args, name=f"load{work.__name__}", daemon=True)
        thread.start()
        self._threads.append(thread)

    def send(self, planned: Sequence[ScheduledRequest], phase: str = "", start_at: float | None = None) -> None:
        """Give the driver requests with offsets from `start_at` (epoch seconds, default: almost now); return at once.

        Chunks may overlap. To continue without a gap, send the next chunk early, with the last start plus its length.
        Raises TestbedError for an id that was used before, and if the process has ended.
        """
        start = clock.now() + LEAD_S if start_at is None else start_at
        with self._news:
            self._must_live()
            ids = {request.id for request in planned}
            if len(ids) < len(planned) or not ids.isdisjoint(self._planned):
                raise TestbedError("a request id was used twice: keep one Schedule, and a prefix for each load")
            number = next(self._chunks)
            self._under_way.add(number)
            self._last_due = max([self._last_due, *(start + request.offset_s for request in planned)])
            self._planned |= {request.id: (request, phase) for request in planned}
            targets = [next(self._choice) for _ in planned]
            self._texts.put(chunk_text(number, start, list(map(self._wire, planned)), targets))

    def stop(self, until: float) -> None:
        """Do not send requests that are due at `until` (epoch seconds) or later; requests in flight finish."""
        self._texts.put(iter([f'{{"cmd":"stop","until":{until!r}}}\n']))

    def wait_idle(self, timeout_s: float | None = None) -> bool:
        """Wait until every request has ended; return whether this was in time.

        The default is the longest time that requests may take. Raises TestbedError if the process dies.
        """
        if timeout_s is None:
            timeout_s = max(0.0, self._last_due - clock.now()) + self._timeout_s + GRACE_S
        with self._news:
            self._news.wait_for(lambda: not self._under_way or self._over, timeout_s)
            if self._under_way:
                self._must_live()
            return not self._under_way

    def results(self) -> list[Request]:
        """Return every request that has ended so far, in the order of their end."""
        with self._parsing:
            with self._news:
                lines, self._lines = self._lines, []
            for line in lines:
                result = json.loads(line)
                planned, phase = self._planned[result["id"]]
                request = request_of(result, planned, phase, self._replicas[result["target"]])
                self._results.append(without_secrets(request, queries=self._queries))
            return list(self._results)

    @property
    def pid(self) -> int | None:
        """The pid of the driver, None before its start."""
        return None if self._process is None else self._process.pid

    @property
    def exit_code(self) -> int | None:
        """The exit code of the driver, None before its end."""
        return None if self._process is None else self._process.returncode

    def bodies(self) -> list[AnswerBody]:
        """Return the distinct bodies of answers so far, up to the bound of the recording."""
        with self._news:
            return [body_of(json.loads(line)) for line in self._bodies]

    def cpu_seconds(self) -> float:
        """Return the CPU time of the process, up to its last report."""
        return self._cpu_s

    def close(self) -> None:
        """End the process at once; a second call does nothing. Results can still be read."""
        if self._closed or self._process is None:
            return
        self._closed = True
        self._texts.put(None)
        child.end(self._process, QUIT_S)
        for thread in self._threads:
            thread.join()
        self._complaints.close()

    @property
    def _over(self) -> bool:
        return self._closed or bool(self._death)

    def _must_live(self) -> None:
        if self._process is None:
            raise TestbedError("the load driver was not started: use it in a `with` block")
        if self._death:
            raise TestbedError(self._death)
        if self._closed:
            raise TestbedError("the load driver is closed")

    def _write(self, stdin: IO[bytes]) -> None:
        with suppress(OSError):  # the reader reports a dead driver
            while (text := self._texts.get()) is not None:
                for part in text:
                    stdin.write(part.encode())
                stdin.flush()
        with suppress(OSError):
            stdin.close()

    def _read(self, process: subprocess.Popen[bytes], stdout: IO[bytes]) -> None:
        with stdout:
            for line in stdout:
                with self._news:
                    self._take(line)
        process.wait()
        with self._news:
            if not self._closed:
                self._death = self._last_words(process.returncode)
            self._news.notify_all()
        self._texts.put(None)

    def _take(self, line: bytes) -> None:
        if line.startswith(b'{"id"'):
            self._lines.append(line)
            return
        if line.startswith(b'{"body"'):
            self._bodies.append(line)
            return
        news = json.loads(line)
        self._cpu_s = news["cpu_total_s"]
        if news["ended"]:
            self._under_way.discard(news["chunk"])
            self._news.notify_all()

    def _last_words(self, code: int) -> str:
        self._complaints.seek(0)
        words = self._complaints.read().decode(errors="replace").strip()
        words = open_files.named(words)
        how = f"was killed by signal {-code}" if code < 0 else f"ended with code {code}"
        return f"the load driver {how} before the end of the load; its output: {words or 'none'}"

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
