"""Decide the role of every column that no list of the config names, from its cells."""

from bikeml.table.columns.decision import Decision, decide, decide_dates, decide_target

__all__ = ["Decision", "decide", "decide_dates", "decide_target"]
