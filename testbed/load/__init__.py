"""The load: its users, requests and schedule, and the open-loop process that sends it."""
