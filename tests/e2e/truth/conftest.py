"""The programs of these systems are found by their names on any machine: Python, Node and npm as pinned."""

import pytest

from tests.kit.recipes import put_on_path


@pytest.fixture(scope="session", autouse=True)
def programs(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        put_on_path(patch, tmp_path_factory.mktemp("programs"))
        yield
