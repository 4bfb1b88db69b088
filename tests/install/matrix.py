"""Every source, every Python and every kind of user, with nothing at the start: `make install-matrix` (minutes).

The cells of one user share what pip and Go have downloaded and compiled; homes and the testbed's own cache are empty.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from tests.kit.elsewhere import Sources, give, machine, make_sources, pythons, works
from tests.kit.needs import need
from tests.kit.nobody import NOBODY

PYTHONS = pythons()
USERS = {"root": 0, "nobody": NOBODY} if os.geteuid() == 0 else {"ordinary": 0}

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(1800)]


@dataclass(frozen=True)
class User:
    """Who it is, what there is to install from, and the caches, which are empty at the start."""

    uid: int  # 0: ourselves
    sources: Sources
    caches: dict[str, str]


@pytest.fixture(scope="module", params=USERS)
def user(request: pytest.FixtureRequest) -> Iterator[User]:
    if uid := USERS[request.param]:
        need("root", "util-linux", "mounts")
    with TemporaryDirectory() as name:
        sources = make_sources(Path(name))
        caches = {key: Path(name, key) for key in ("PIP_CACHE_DIR", "GOCACHE", "GOMODCACHE")}
        for path in caches.values():
            path.mkdir()
        give(Path(name), uid or os.geteuid())
        more = {"PATH": "/usr/local/bin:/usr/bin:/bin"}
        yield User(uid, sources, {key: str(path) for key, path in caches.items()} | more)


@pytest.mark.parametrize("source", ["wheel", "sdist", "checkout", "editable", "git"])
@pytest.mark.parametrize("python", PYTHONS.values(), ids=PYTHONS)
def test_it_works(user: User, source: str, python: Path) -> None:
    with machine(python, user.caches, user.uid) as one:
        one.install(python, *user.sources.words(source))
        works(one)
