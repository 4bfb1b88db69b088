"""The command line `testbed`."""
