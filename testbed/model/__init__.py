"""The parts of a topology: values, how they are read and checked, and what can be said of them without running."""
