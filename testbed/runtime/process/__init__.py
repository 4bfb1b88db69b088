"""The process runtime: every replica is a process with a loopback address of its own."""
