"""Packet faults: rules of the kernel in the network namespace of an app."""
