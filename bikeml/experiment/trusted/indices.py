"""What checks of indices in a loaded model are made of."""

import numpy as np


def need(holds: object, what: str) -> None:
    """Raise ValueError, which says `what` is wrong, unless it holds."""
    if not holds:
        raise ValueError(what)


def within(indices: object, end: int) -> bool:
    """Return whether all indices are of 0 to end - 1."""
    indices = np.asarray(indices)
    return bool(indices.size == 0 or (indices.min() >= 0 and indices.max() < end))


def name_type(kind: type) -> str:
    """Return the name of a type with its module."""
    return f"{kind.__module__}.{kind.__qualname__}"


def is_of(each: object, name: str) -> bool:
    """Return whether an object is of the type of this name, which is not imported for it."""
    return any(name_type(kind) == name for kind in type(each).__mro__)
