"""What is secret in any text, and how it is hidden. Nothing of it knows the testbed."""
