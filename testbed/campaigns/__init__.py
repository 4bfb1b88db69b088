"""Campaigns that run a whole suite several times: `calibrate` and `soak`."""
