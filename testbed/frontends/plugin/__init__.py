"""The pytest plugin: fixtures, hooks, progress, what a report of a test carries."""
