"""Measure how good a fitted pipeline is, with functions of arrays."""
