"""What a command prints at its end: the figures of a run or the leaderboard of a sweep, and what to do next."""
