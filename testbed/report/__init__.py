"""Reports: one file for each output. They depend on verdicts only."""
