"""What runs have outside their owners' own processes: found, shown, and removed when an owner has died.

A kind of thing is one module with `found` and `remove` (`testbed.leftovers.found.Kind`) and one line here.
"""

from __future__ import annotations

KINDS = {  # kind -> its module, in the order of removal
    "process": "testbed.leftovers.processes",
    "container": "testbed.leftovers.docker",
    "network": "testbed.leftovers.docker",
    "control group": "testbed.leftovers.groups",
    "folder": "testbed.leftovers.folders",
}
