"""The fixture for users: `shop = topology("topologies/shop.yaml")` in a conftest.py."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Unpack

import pytest

from testbed.frontends.plugin.session import Session, session_of
from testbed.spec.overrides import Overrides, given

if TYPE_CHECKING:
    from testbed.experiment.replay import Replay
    from testbed.experiment.testbed import Testbed

ScopeName = Literal["session", "package", "module", "class", "function"]


def topology(
    path: str | Path,
    *,
    parameters: Mapping[str, Mapping[str, Any]] | None = None,
    scope: ScopeName = "session",
    **overrides: Unpack[Overrides],
) -> Any:
    """Make a fixture for the running mesh (a `Testbed`): one per pytest process, reset before every test.

    `path` is relative to the calling file, then to pytest's rootdir. `mesh`, `placement`, `policies` (merged key by key
    into those of the file; None removes a policy), `replicas`, `addresses` (external services with host and port) and
    `request_faults` override the file.
    `parameters` maps test ids to such overrides: every test that uses the fixture runs once for each id.
    """
    folder = Path(sys._getframe(1).f_code.co_filename).parent
    common = given("topology", overrides)
    variants = dict(parameters or {})
    params, ids = (list(variants.values()), list(variants)) if parameters else (None, None)

    @pytest.fixture(scope=scope, params=params, ids=ids)
    def running(request: pytest.FixtureRequest) -> Iterator[Testbed | Replay]:
        """A running mesh."""
        session: Session = session_of(request.config)
        wanted = given("topology", {**common, **getattr(request, "param", {})})
        bed = session.start(path, (folder, request.config.rootpath), wanted)
        yield bed
        session.stop(bed)

    return running
