"""Runs that are recorded, in a store or in their folders: their values, their files and their models."""
