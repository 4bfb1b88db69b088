"""The plan: processes, files, addresses and links, computed from a topology. Nothing is started."""
