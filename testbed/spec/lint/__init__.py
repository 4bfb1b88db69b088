"""Warnings about a valid topology: each names a finding, its arithmetic and a remedy."""
