"""The page of a sweep: its leaderboard, the entries of its cells and their small figures."""
