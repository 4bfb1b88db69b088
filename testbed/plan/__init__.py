"""What would run: processes, files, addresses and links, computed from a topology without starting anything."""
