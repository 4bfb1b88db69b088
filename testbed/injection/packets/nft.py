"""One `nft` process that owns a table: the only module that runs nft and reads its answers.

The table has the flag `owner`: the kernel removes it with all its rules as soon as this process ends, and no other
process can change it. The process ends with its standard input, so it always ends with its parent.
"""

from __future__ import annotations

import json
import os
import select
import subprocess
import time
from collections.abc import Sequence
from typing import Any

from testbed.errors import TestbedError, Unsupported
from testbed.runtime import child
from testbed.runtime.owner import MARK, me
from testbed.runtime.tools.inventory import program

ANSWER_S = 5.0
SANDBOX = "run it as `testbed sandbox -- pytest ...` (a namespace of its own, no root needed) or as root"


class Session:
    """One `nft` in interactive mode; each line is a transaction. `enter` is the prefix of the command."""

    def __init__(self, enter: Sequence[str], table: str) -> None:
        self.process = subprocess.Popen(
            [*enter, program("nft", "dropping packets"), "-j", "-i"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env={**os.environ, MARK: str(me())},
        )
        try:
            self.chains(f"add table inet {table} {{ flags owner; }}")
        except TestbedError as error:
            self.close()
            raise Unsupported(
                f"this user or kernel cannot drop packets ({error}): {SANDBOX}", lacks="packets"
            ) from None

    def chain(self, steps: str, chain: str) -> list[dict[str, Any]]:
        """Carry out steps, and return the rules of a chain."""
        found = self._ask(steps, f"list chain {chain}")
        return [entry["rule"] for entry in found if "rule" in entry]

    def chains(self, steps: str) -> dict[str, list[str]]:
        """Carry out steps, and return the chains of every table."""
        tables: dict[str, list[str]] = {}
        for entry in self._ask(steps, "list chains inet"):
            if "chain" in entry:
                tables.setdefault(entry["chain"]["table"], []).append(entry["chain"]["name"])
        return tables

    def close(self) -> None:
        """End it."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.close()
        child.end(self.process, ANSWER_S)
        self.process.stdout.close()

    def _ask(self, steps: str, question: str) -> list[dict[str, Any]]:
        """Write steps and a question; the answer is one line of JSON, anything before it is an error."""
        assert self.process.stdin is not None
        text = f"{steps}\n{question}\n" if steps else f"{question}\n"
        try:
            self.process.stdin.write(text.encode())
            self.process.stdin.flush()
            complaint, answer = self._read()
        except OSError as problem:
            raise TestbedError(f"nft has ended: {problem}") from problem
        if complaint or not answer:
            raise TestbedError(f"nft reports: {next(iter(complaint.splitlines()), 'nothing')}")
        found: list[dict[str, Any]] = json.loads(answer)["nftables"]
        return found

    def _read(self) -> tuple[str, str]:
        """Return the text before the answer, and the answer ("" if there is none)."""
        assert self.process.stdout is not None
        output, deadline = b"", time.monotonic() + ANSWER_S
        while (left := deadline - time.monotonic()) > 0:
            if not select.select([self.process.stdout], [], [], left)[0]:
                break
            data = os.read(self.process.stdout.fileno(), 1 << 16)
            output += data
            *said, last = output.decode(errors="replace").splitlines() or [""]
            if output.endswith(b"\n") and last.startswith("{"):
                return "\n".join(said), last
            if not data:
                break
        return output.decode(errors="replace"), ""
