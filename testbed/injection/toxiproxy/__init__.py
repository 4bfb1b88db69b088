"""Network faults on links: Toxiproxy's toxics, and blackholes."""
