"""What checks are made of: evidence, population, statistics, and the rules by which a verdict is given."""
