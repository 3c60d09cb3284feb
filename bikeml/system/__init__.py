"""Work with the operating system: files, locks, processes; and take secrets out of text."""
