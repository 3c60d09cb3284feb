"""Find recorded runs: one by its id, its alias, its folder, or as "best" or "latest"; or all of them."""

from bikeml.tracking.lookup.listing import list_stored
from bikeml.tracking.lookup.runs import Place, find, find_fitting, find_place, find_repeated, find_same

__all__ = ["Place", "find", "find_fitting", "find_place", "find_repeated", "find_same", "list_stored"]
