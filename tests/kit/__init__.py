"""What the tests of every folder share."""
