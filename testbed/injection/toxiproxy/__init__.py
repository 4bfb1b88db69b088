"""Network faults on links: Toxiproxy's toxics, and addresses that accept nothing."""
