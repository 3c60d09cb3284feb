"""A pipeline's fitted transformers, kept for one setting and fold."""

import threading
from collections.abc import Callable, Hashable, Sequence
from typing import Any

import numpy as np
from scipy.sparse import issparse

from bikeml.search.layers import Data, Estimator


class Slot:
    """
    What was computed for one search, fold and setting of the transformers.

    Threads that want the same slot wait for each other, so that everything in it is computed once.
    """

    def __init__(self, key: Hashable) -> None:
        self.key = key
        self._lock = threading.RLock()
        self._values: dict[Hashable, Any] = {}

    def get(self, name: Hashable, make: Callable[[], Any], *, keep: Callable[[Any], bool]) -> Any:  # noqa: ANN401 of any type
        """Return the value of that name; make it the first time, and keep it if `keep(value)` says so."""
        with self._lock:
            if name in self._values:
                return self._values[name]
            value = make()
            if keep(value):
                self._values[name] = value
            return value


class SlotCache:
    """
    One slot: the last that was asked for.

    Tasks come fold by fold and, within a fold, setting by setting, so one slot is enough to fit nothing twice in
    a process, and no more than one fold's transformed data is held.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._slot: Slot | None = None

    def open(self, key: Hashable) -> Slot:
        """Return the slot of that key; an earlier one is forgotten before anything new is computed."""
        with self._lock:
            if self._slot is None or self._slot.key != key:
                self._slot = Slot(key)
            return self._slot

    def clear(self) -> None:
        """Forget the slot; a task that is at work in it may finish."""
        with self._lock:
            self._slot = None


# One per process: a joblib worker finds here what its last task has left.
PROCESS_CACHE = SlotCache()


class StepMemory:
    """
    The `memory` of a Pipeline for one fit: joblib.Memory's interface over a slot.

    Parameters
    ----------
    slot : Slot
        Where fitted transformers and their output are kept.
    layer : int
        Which pipeline this is, counted from the outermost.
    keep : callable
        Whether an output may be handed to several models.
    """

    location = None  # Pipeline clones no transformer then: the whole pipeline is a fresh clone already

    def __init__(self, slot: Slot, layer: int, *, keep: Callable[[Data], bool]) -> None:
        self._slot = slot
        self._layer = layer
        self._keep = keep

    def __deepcopy__(self, memo: object) -> "StepMemory":
        """Stay the same object when TransformedTargetRegressor clones the pipeline that it holds."""
        return self

    def cache(self, function: Callable[..., Any], ignore: Sequence[str] | None = None) -> Callable[..., Any]:
        """Return the function that fits one step after the other, or finds it fitted."""
        del ignore  # the key is the position of the step, whatever the arguments are
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
    Make transformed data read-only, so that no model can change what another is to see.

    Parameters
    ----------
    data : array, sparse matrix or DataFrame of shape (n_samples, n_features)

    Returns
    -------
    locked : bool
        Whether that was possible: a DataFrame cannot be locked.
    """
    parts = [data.data, data.indices, data.indptr] if issparse(data) and hasattr(data, "indptr") else [data]
    if not all(isinstance(part, np.ndarray) for part in parts):
        return False
    for part in parts:
        part.flags.writeable = False
    return True
