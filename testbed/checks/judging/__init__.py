"""What checks are made of: evidence, population, statistics, and the rules for a verdict."""
