"""For the whole suite: its plugins, and Ctrl-C for those that need it."""

import signal

pytest_plugins = ["pytester", "tests.kit.order", "tests.kit.reruns", "tests.kit.skips"]

if (
    signal.getsignal(signal.SIGINT) is signal.SIG_IGN
):  # in the background of a script; what tests start would inherit it
    signal.signal(signal.SIGINT, signal.default_int_handler)
