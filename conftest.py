"""For the whole suite: pytest's own tester, with which the plugin is tested (`testbed.plugin` comes by entry point)."""

pytest_plugins = ["pytester"]
