"""Pauses the load while proxies restart, and keeps the evidence."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from testbed.errors import TestbedError

if TYPE_CHECKING:
    from testbed.evidence.recorder import Recorder
    from testbed.experiment.traffic import Traffic


@contextmanager
def still(recorder: Recorder, traffic: Callable[[], Traffic | None], proxies: Sequence[str]) -> Iterator[None]:
    """Pause the load, if one is on, while this block restarts these proxies, and inform the recorder.

    Raises `TestbedError` for a proxy that a fault has stopped, and if a request does not end.
    """
    for name in proxies:
        if recorder.is_unreachable(name):
            raise TestbedError(f"{name} is killed or paused by a fault: heal it before you change its policies")
    load = traffic()
    if load is not None and proxies:
        with load.pause(), recorder.renewing(proxies):
            yield
        return
    try:
        yield
    finally:
        recorder.restarted(proxies)
