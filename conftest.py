"""For the whole suite: its plugins, the order of the longest tests, and Ctrl-C for those that need it."""

import signal

import pytest

pytest_plugins = ["pytester", "kit.reruns"]

if (
    signal.getsignal(signal.SIGINT) is signal.SIG_IGN
):  # in the background of a script; what tests start would inherit it
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the tests that take minutes, whatever the order: they would be waited for at the end."""
    items.sort(key=lambda item: item.get_closest_marker("minutes") is None)
