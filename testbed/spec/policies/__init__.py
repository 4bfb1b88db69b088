"""The policies of an edge: time-outs, retries, breakers, ejection."""
