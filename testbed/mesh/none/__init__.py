"""No mesh: apps call each other through the links, and only apps log calls."""
