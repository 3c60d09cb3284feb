"""Real tables from packages of PyPI, and the role of each of their columns as an expert decides it."""
