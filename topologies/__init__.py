"""Topologies that come with the testbed, and the stub service that plays every part in them."""
