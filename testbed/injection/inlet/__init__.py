"""Request faults: the Envoy in front of every callee, its rules and its log of arrivals."""
