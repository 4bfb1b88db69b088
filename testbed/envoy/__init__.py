"""Envoy, which is both the mesh under test and the inlet of the testbed: bootstrap, admin, read-back."""
