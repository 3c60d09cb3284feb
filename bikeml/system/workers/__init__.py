"""Processes that call functions, and can be killed."""
