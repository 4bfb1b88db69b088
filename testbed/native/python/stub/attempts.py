"""The attempt log: one JSON line for each try and each call, where no mesh proxy keeps that record."""

from __future__ import annotations

import itertools
import json
import os
import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


class AttemptLog:
    """Appends each line to an open file in one write; without a file it does nothing."""

    def __init__(self, file: int | None, replica: str) -> None:
        self._file = file
        self._prefix = f"{replica}-{time.time_ns():x}"
        self._numbers = itertools.count(1)

    def call_id(self) -> str:
        """Return an id that is unique, also after a restart of this replica."""
        return f"{self._prefix}-{next(self._numbers)}"

    def write(self, kind: str, start: float, ms: float, **fields: Any) -> None:
        """Append one line: `kind` "try" or "call", `start` in epoch seconds."""
        if self._file is not None:
            line = {"kind": kind, **fields, "start": round(start, 6), "ms": round(ms, 3)}
            os.write(self._file, json.dumps(line).encode() + b"\n")
