"""Runs a suite as written, without faults and without policies, and finds scenarios whose verdicts do not change."""
