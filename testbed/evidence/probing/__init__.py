"""Probes: values that the system itself tells, read on a schedule of their own while a load is on."""
