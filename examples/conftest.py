"""The meshes of the demo: the shop as it is, and two shops whose policies look sensible and are not."""

from testbed import topology

SHOP = "topologies/shop.yaml"

shop = topology(SHOP)

# Written by two teams: the frontend gives checkout less time than checkout gives pricing.
impatient_shop = topology(SHOP, policies={"frontend -> checkout": {"timeout": "300ms", "retries": None}})

# "Retries make things more reliable": so every team added some, each on its own edge, on everything.
eager_shop = topology(
    SHOP,
    policies={
        edge: {
            "timeout": "2s",
            "retries": {"attempts": 2, "perTryTimeout": None, "retryOn": ["5xx"]},
            "outlierDetection": None,
        }
        for edge in ("frontend -> checkout", "checkout -> pricing", "pricing -> inventory")
    },
)
