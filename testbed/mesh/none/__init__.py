"""No mesh: apps call each other through the links, and what is known of a call is what apps log."""
