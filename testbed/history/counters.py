"""The keys of `Sample.values` that checks read.

Those of an edge are counters of the caller's proxy, in names that do not depend on the proxy: a mesh translates what
its proxy counts, and other values keep their names. Those of the machine are its clocks.
"""

from __future__ import annotations

CONNECTIONS = "connections"  # on the edge, since the proxy started
HOSTS_EJECTED = "hosts_ejected"  # a gauge: the hosts that are ejected now
DETECTED = "ejections_detected"  # thresholds of outlier detection that were reached
EJECTIONS = "ejections"  # hosts that were ejected
NOT_ALLOWED = "ejections_not_allowed"  # thresholds reached, but maxEjectionPercent did not allow the ejection
IN_PANIC = "sent_in_panic"  # attempts to ejected hosts, because fewer than minHealthPercent are healthy
EJECTED = "ejected."  # before the name of a replica: 1 while it is ejected, else 0

MONOTONIC, WALL = "monotonic_s", "wall_s"  # both clocks of the machine move alike unless somebody sets the wall clock
