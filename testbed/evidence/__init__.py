"""Turns log lines into history events, and waits until the logs are complete."""
