"""The interfaces for users: the command line and the pytest plugin."""
