"""Keep MLflow's autologging, if the caller has switched it on, from making runs of an experiment's fits."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def without_autolog() -> Iterator[None]:
    """Switch autologging off in the block; MLflow is not imported for it."""
    if "mlflow" not in sys.modules:
        yield
        return
    from mlflow.utils.autologging_utils import disable_autologging  # noqa: PLC0415  it takes seconds

    with disable_autologging():
        yield
