"""The policies of an edge: timeouts, retries, circuit breakers, outlier detection."""
