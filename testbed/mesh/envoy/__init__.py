"""Envoy as the mesh: its configuration, its access log, its counters."""
