"""Resources of runs outside the test process: found, listed, and removed when their owner has died.

Each kind of resource is a module with `found` and `remove` (`testbed.runtime.orphans.found.ResourceKind`) and an entry
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
