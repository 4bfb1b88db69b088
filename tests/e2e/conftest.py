"""The meshes of the end-to-end tests: small, real, and clean for every test."""

from testbed import topology

small = topology("small.yaml", scope="module")
unmeshed = topology("small.yaml", mesh="none", scope="module")
heavy = topology("heavy.yaml", scope="module")
