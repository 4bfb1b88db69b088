"""Reports: one file an output. They know verdicts and nothing else."""
