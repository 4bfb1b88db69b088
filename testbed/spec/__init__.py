"""What a topology file says: its values, how they are read and checked, and what follows from them before a start."""
