"""The comparison of recorded runs, and its page."""
