"""How late this machine is: what it makes a bare thread and a bare process wait, beside a test.

A test in which being late is the failure carries `@pytest.mark.lateness`. It is judged against what the machine did
meanwhile: where it fails while the machine itself was late, it runs again, at most twice.
"""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from dataclasses import dataclass

NAP_S = 0.02
WORK_S = 0.001  # of processor time, after each nap of the process: a machine may wake in time and then not run
LATE_S = 0.03  # on two idle cores the worst of a minute is 0.005; beside two busy loops per core it is above 0.05
CHILD = f"""
import os, sys, threading, time
worst = 0.0
def told():
    sys.stdin.read()
    print(worst, flush=True)
    os._exit(0)
threading.Thread(target=told, daemon=True).start()
print("ready", flush=True)
while True:
    begin = time.monotonic()
    time.sleep({NAP_S})
    end = time.thread_time() + {WORK_S}
    while time.thread_time() < end:
        pass
    worst = max(worst, time.monotonic() - begin - {NAP_S} - {WORK_S})
"""


@dataclass(frozen=True, slots=True)
class Lateness:
    """The longest that a thread and a process were kept waiting, in seconds."""

    thread_s: float
    process_s: float

    @property
    def is_large(self) -> bool:
        """Whether a test that was late at the same time proves nothing."""
        return max(self.thread_s, self.process_s) > LATE_S

    def __str__(self) -> str:
        """Say both in milliseconds."""
        return f"a bare thread was up to {self.thread_s * 1000:.0f} ms late, a process {self.process_s * 1000:.0f} ms"


class Meter:
    """Measures lateness from its start to its end."""

    def __init__(self) -> None:
        self._worst_s = 0.0
        self._over = threading.Event()
        self.process = subprocess.Popen(
            [sys.executable, "-I", "-S", "-c", CHILD], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        assert self.process.stdout is not None
        self.process.stdout.readline()  # it measures from here on, not its own start
        self._thread = threading.Thread(target=self._nap, daemon=True)
        self._thread.start()

    def end(self) -> Lateness:
        """End the thread and the process, and return what they met."""
        self._over.set()
        self._thread.join()
        said, _ = self.process.communicate()
        return Lateness(self._worst_s, float(said or 0))

    def _nap(self) -> None:
        while not self._over.is_set():
            begin = time.monotonic()
            time.sleep(NAP_S)
            self._worst_s = max(self._worst_s, time.monotonic() - begin - NAP_S)
