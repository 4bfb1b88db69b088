"""The pytest plugin: fixtures, hooks, progress, and the content of test reports."""
