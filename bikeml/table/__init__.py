"""Turn a file into typed rows: read it, report what does not fit, and split it; with the embedded tables."""
