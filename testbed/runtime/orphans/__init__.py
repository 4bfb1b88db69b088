"""What runs have outside their owners' own processes: found, shown, and removed when an owner has died.

A kind of resource is one module with `found` and `remove` (`testbed.runtime.orphans.found.ResourceKind`) and one line
here.
"""

from __future__ import annotations

KINDS = {  # kind -> its module, in the order of removal
    "process": "testbed.runtime.orphans.processes",
    "container": "testbed.runtime.orphans.containers",
    "network": "testbed.runtime.orphans.containers",
    "control group": "testbed.runtime.orphans.groups",
    "folder": "testbed.runtime.orphans.folders",
}
