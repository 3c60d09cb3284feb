"""Say what the blend of a sweep is made of, and whether it is better than the best cell alone."""

import pandas as pd

from bikeml.evaluation.metrics import find_metric
from bikeml.pages.differences import read_config
from bikeml.pages.run.members import list_members, show_weights
from bikeml.records.run_folder import RunFolder
from bikeml.records.sweep import Sweep


def describe_blend(sweep: Sweep, leaderboard: pd.DataFrame) -> str:
    """Return the weights of the blend, and how it compares with the best cell alone; empty if there is no blend."""
    blends = [cell for cell in sweep.cells if cell.is_blend]
    ranked = leaderboard.dropna(subset=["rank"])
    found = ranked[ranked["cell"].isin([cell.number for cell in blends])]
    others = ranked[~ranked["cell"].isin(found["cell"])]
    if found.empty or others.empty:
        return ""
    blend, other = found.iloc[0], others.iloc[0]
    config = read_config(RunFolder(sweep.folder / blend["folder"]))
    made = ", ".join(show_weights(list_members(config)))
    alone = f"cell {other['cell']} alone, {other['name']}"
    if blend["rank"] > other["rank"]:
        return f"{made}; it is not better than {alone}"
    if find_metric(sweep.record.rank).sign * other["difference"] > 0:
        return f"{made}; it leads, since {alone}, scores higher by less than a standard error, and was chosen by it"
    is_close = other["indistinguishable"]
    if pd.isna(is_close):
        return f"{made}; it ranks before {alone}, with which it cannot be compared"
    return f"{made}; it {'leads, but cannot be told from' if is_close else 'is better than'} {alone}"
