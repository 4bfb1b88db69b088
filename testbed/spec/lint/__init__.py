"""Warnings about a topology that is valid: each names a finding, the arithmetic behind it, and a remedy."""
