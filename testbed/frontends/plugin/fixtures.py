"""The user's fixture: `shop = topology("topologies/shop.yaml")` in a conftest.py, and nothing more."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import pytest

from testbed.frontends.plugin.session import Session, session_of

if TYPE_CHECKING:
    from testbed.experiment.replay import Replay
    from testbed.experiment.start import Policies
    from testbed.experiment.testbed import Testbed
    from testbed.spec.overrides import Addresses

ScopeName = Literal["session", "package", "module", "class", "function"]


def topology(
    path: str | Path,
    *,
    mesh: str | None = None,
    placement: str | None = None,
    policies: Policies | None = None,
    replicas: Mapping[str, int] | None = None,
    addresses: Addresses | None = None,
    request_faults: bool | None = None,
    parameters: Mapping[str, Mapping[str, Any]] | None = None,
    scope: ScopeName = "session",
) -> Any:
    """Make a fixture that is the running mesh (a `Testbed`), one for each pytest process, clean for every test.

    `path` is relative to the file that calls this, then to pytest's rootdir. `mesh`, `placement`, `policies` (merged
    key by key into those of the file; None removes a policy), `replicas`, `addresses` (services that run already, with
    host and port) and `request_faults` override the file.
    `parameters` maps a test id to such overrides: every test that uses the fixture runs once for each.
    """
    folder = Path(sys._getframe(1).f_code.co_filename).parent
    common: dict[str, Any] = {"mesh": mesh, "placement": placement, "policies": policies, "replicas": replicas}
    common |= {"addresses": addresses, "request_faults": request_faults}
    variants = dict(parameters or {})
    params, ids = (list(variants.values()), list(variants)) if parameters else (None, None)

    @pytest.fixture(scope=scope, params=params, ids=ids)
    def running(request: pytest.FixtureRequest) -> Iterator[Testbed | Replay]:
        """A running mesh."""
        session: Session = session_of(request.config)
        overrides = {key: value for key, value in common.items() if value is not None}
        bed = session.start(path, (folder, request.config.rootpath), overrides | dict(getattr(request, "param", {})))
        yield bed
        session.stop(bed)

    return running
