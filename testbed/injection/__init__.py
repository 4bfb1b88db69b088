"""Puts faults in force, verifies them, and undoes them: one engine for each kind of operation."""
