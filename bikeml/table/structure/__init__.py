"""What ties rows together, so that a random split would flatter: groups, and time."""
