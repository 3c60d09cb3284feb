"""From a file to typed rows: reading, what does not fit, the split, and the embedded tables."""
