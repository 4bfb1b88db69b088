"""What happened in one run: events, how they are looked up, and the file that keeps them."""
