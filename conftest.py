"""For the whole suite: its plugins, property tests that race no clock, and Ctrl-C for those that need it."""

import signal

from hypothesis import settings

pytest_plugins = ["pytester", "tests.kit.order", "tests.kit.reruns", "tests.kit.skips"]

settings.register_profile("suite", deadline=None)  # an example that is late on a busy machine is not wrong
settings.load_profile("suite")

if (
    signal.getsignal(signal.SIGINT) is signal.SIG_IGN
):  # in the background of a script; what tests start would inherit it
    signal.signal(signal.SIGINT, signal.default_int_handler)
