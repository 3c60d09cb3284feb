"""Draw the figures of runs and sweeps, and write leaderboards and HTML pages, from folders of records."""
