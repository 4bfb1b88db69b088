"""The mesh on which every fault is measured: one caller, one callee."""

from testbed import topology

pair = topology("pair.yaml", scope="module")
