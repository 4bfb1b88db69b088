"""Puts faults in force, verifies each, and undoes it: one engine for each kind of operation."""
