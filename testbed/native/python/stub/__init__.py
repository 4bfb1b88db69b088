"""The stub service in Python: the standard library's light modules only, because start-up counts."""
