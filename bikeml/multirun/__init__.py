"""Experiments as Hydra runs them, one or many: run, sweep, record."""
