"""Runs a suite as written, without its faults and without its policies, and says which scenarios tell them apart."""
