"""What people look at: figures, leaderboards and HTML pages, made from folders of records."""
