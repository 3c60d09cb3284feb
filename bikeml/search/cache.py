"""Keep the fitted transformers of a pipeline for one setting and fold."""

import threading
from collections.abc import Callable, Hashable, Sequence
from typing import Any

import numpy as np
from scipy.sparse import issparse

from bikeml.search.rules.rule import Data, Estimator


class Slot:
    """
    The values computed for one search, fold and setting of the transformers.

    Threads that need the same slot wait for each other, so that each value is computed once.
    """

    def __init__(self, key: Hashable) -> None:
        self.key = key
        self._lock = threading.RLock()
        self._values: dict[Hashable, Any] = {}

    def get(self, name: Hashable, make: Callable[[], Any], *, keep: Callable[[Any], bool]) -> Any:  # noqa: ANN401 of any type
        """Return the value of that name; if there is none, make it, and keep it if `keep(value)` is true."""
        with self._lock:
            if name in self._values:
                return self._values[name]
            value = make()
            if keep(value):
                self._values[name] = value
            return value


class SlotCache:
    """
    A cache of one slot: the most recent one.

    Tasks are ordered by fold and then by setting. So one slot is enough to fit each transformer once in a process, and
    memory holds the transformed data of one fold only.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._slot: Slot | None = None

    def open(self, key: Hashable) -> Slot:
        """Return the slot of that key; a slot with another key is dropped first."""
        with self._lock:
            if self._slot is None or self._slot.key != key:
                self._slot = Slot(key)
            return self._slot

    def clear(self) -> None:
        """Drop the slot; a task that still uses it may finish."""
        with self._lock:
            self._slot = None


# One per process: a joblib worker finds here the slot of its previous task.
PROCESS_CACHE = SlotCache()


class StepMemory:
    """
    The `memory` of a Pipeline for one fit: joblib.Memory's interface over a slot.

    Parameters
    ----------
    slot : Slot
        Keeps fitted transformers and their output.
    layer : int
        The number of this pipeline, counted from the outermost.
    keep : callable
        Tells whether several models may use an output.
    """

    location = None  # so Pipeline does not clone its transformers: the whole pipeline is a fresh clone already

    def __init__(self, slot: Slot, layer: int, *, keep: Callable[[Data], bool]) -> None:
        self._slot = slot
        self._layer = layer
        self._keep = keep

    def __deepcopy__(self, memo: object) -> "StepMemory":
        """Stay the same object when TransformedTargetRegressor clones the pipeline that it holds."""
        return self

    def cache(self, function: Callable[..., Any], ignore: Sequence[str] | None = None) -> Callable[..., Any]:
        """Return a function that takes the steps in order, and fits each or returns it already fitted."""
        del ignore  # the key is the position of the step and not its arguments
        steps = iter(range(1_000_000))

        def fit_transform_one(transformer: Estimator, *args: object, **kwargs: object) -> tuple[Data, Estimator]:
            def make() -> Any:  # noqa: ANN401 of any type
                return function(transformer, *args, **kwargs)

            name = ("fit", self._layer, next(steps))
            fitted: tuple[Data, Estimator] = self._slot.get(name, make, keep=lambda pair: self._keep(pair[0]))
            return fitted

        return fit_transform_one


def lock(data: Data) -> bool:
    """
    Make transformed data read-only, so that a model cannot change the input of the next one.

    Parameters
    ----------
    data : array, sparse matrix or DataFrame of shape (n_samples, n_features)

    Returns
    -------
    locked : bool
        Whether it was possible: a DataFrame cannot be locked.
    """
    parts = [data.data, data.indices, data.indptr] if issparse(data) and hasattr(data, "indptr") else [data]
    if not all(isinstance(part, np.ndarray) for part in parts):
        return False
    for part in parts:
        part.flags.writeable = False
    return True
