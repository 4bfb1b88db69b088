"""Sets and reads the rules of a running inlet, with the token of the run.

The control address is a port, which every user of the machine and every web page in a browser reaches. So the inlet
answers only requests that have a random token. The token is a file in the folder of the run: not a part of the
configuration, which the admin address shows.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Sequence
from contextlib import suppress
from functools import cached_property
from pathlib import Path

from testbed.errors import TestbedError
from testbed.faults.operations import Rule
from testbed.injection.inlet.inlet import TOKEN
from testbed.injection.inlet.rules import decode, encode
from testbed.runtime.http import ask

GLANCE_S = 2.0  # to look at the rules between two phases; other evidence tells of an inlet that does not answer
TIMEOUT_S = 20.0  # an overloaded machine may need 5; a dead server refuses at once


def authorization(folder: Path) -> dict[str, str]:
    """Return the headers with the token of the run in this folder. The first call writes the token.

    Raises `TestbedError` if it cannot.
    """
    try:
        return {"Authorization": f"Bearer {_token(folder / TOKEN)}"}
    except OSError as problem:
        raise TestbedError(f"no token for the rules of the inlet: {problem}") from problem


def _token(path: Path) -> str:
    """Return the token; who finds none writes one, which is whole or not there for every other reader."""
    if not path.exists():
        path.parent.mkdir(exist_ok=True)
        draft = path.with_name(f".token-{secrets.token_hex(4)}")
        draft.touch(mode=0o600)
        draft.write_text(secrets.token_hex(32))
        with suppress(FileExistsError):
            os.link(draft, path)
        draft.unlink()
    return path.read_text()


class InletControl:
    """Sets the rules of a running inlet; every change is read back."""

    def __init__(self, address: str, folder: Path, timeout_s: float = TIMEOUT_S) -> None:
        self._address, self._folder, self._timeout_s = address, folder, timeout_s

    def set(self, rules: Sequence[Rule]) -> None:
        """Replace all rules; they apply from the next request on.

        Raises `FaultError` for a rule that the inlet cannot carry out, `TestbedError` if the inlet does not answer or
        has other rules than requested.
        """
        text = encode(rules)
        wanted, found = decode(text), self._post(text)
        if found != wanted:
            raise TestbedError(f"the inlet has other rules than requested: {found} instead of {wanted}")

    def rules(self) -> tuple[Rule, ...] | None:
        """Return the rules in force; None if the inlet does not answer at once. Raises `TestbedError` for no rules."""
        try:
            status, text = ask(self._address, "/rules", "", headers=self._headers, timeout_s=GLANCE_S)
        except TestbedError:
            return None
        if status != 200:
            raise TestbedError(f"the inlet does not tell its rules ({status}): {text.strip()}")
        return decode(text)

    @cached_property
    def _headers(self) -> dict[str, str]:
        return authorization(self._folder)  # not before the first request: an unused folder of a run is empty

    def _post(self, body: str) -> tuple[Rule, ...]:
        """Send the rules; return the rules in force, as the inlet reports them."""
        complaint = f"the inlet at {self._address} does not accept rules"
        status, text = ask(
            self._address,
            "/rules",
            complaint,
            method="POST",
            body=body,
            headers=self._headers,
            timeout_s=self._timeout_s,
        )
        if status != 200:
            raise TestbedError(f"the inlet refused the rules ({status}): {text.strip()}")
        return decode(text)
