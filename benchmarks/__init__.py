"""Benchmarks of the testbed; not part of the tests."""
