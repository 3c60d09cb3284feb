"""Find recorded runs: one by its id, its alias, its folder, or as "best" or "latest"; or all of them."""

from bikeml.tracking.lookup.listing import list_stored
from bikeml.tracking.lookup.runs import find, find_repeated

__all__ = ["find", "find_repeated", "list_stored"]
