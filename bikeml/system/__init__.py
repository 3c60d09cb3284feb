"""Files, locks, processes, and text without secrets: what the operating system gives."""
