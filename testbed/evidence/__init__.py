"""From log lines to history events, and the wait until all of them are there."""
