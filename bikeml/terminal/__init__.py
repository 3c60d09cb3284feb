"""What a terminal shows: progress, tables, messages, and the exit status of a command."""
