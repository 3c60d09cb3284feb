"""Show progress, tables and messages on a terminal, and end a command with an exit status."""
