"""The load: who sends what and when, and the open-loop process that sends it."""
