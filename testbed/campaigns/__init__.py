"""Calibration and stability: a suite in three arms, or many times over, and what its verdicts are worth."""
