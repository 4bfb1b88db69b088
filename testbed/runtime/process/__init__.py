"""The process runtime: every replica is a process with its own loopback address."""
