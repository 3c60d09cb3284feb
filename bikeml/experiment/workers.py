"""Choose where the fits of a search run: in this process, in joblib's workers, or on a running Dask cluster."""

from collections.abc import Iterator
from contextlib import contextmanager

from joblib import parallel_config

from bikeml.config.schema import GridSearch
from bikeml.errors import ConfigError, FitError

CONNECT_TIMEOUT_SECONDS = 20


@contextmanager
def workers(config: GridSearch) -> Iterator[None]:
    """
    Make the Dask cluster that `config` names joblib's active backend; without one, the caller's stays.

    Raises ConfigError if Dask is not installed, and FitError if its scheduler cannot be reached.
    """
    if config.scheduler is None:
        yield  # keep the backend that the caller has set, such as in a notebook
        return
    try:
        from distributed import Client  # an extra, and slow to import
    except ImportError as error:
        raise ConfigError("search.scheduler needs Dask; install it with: pip install 'bikeml[dask]'") from error
    try:
        client = Client(config.scheduler, timeout=CONNECT_TIMEOUT_SECONDS)
    except (OSError, ValueError) as error:
        raise FitError(
            f"cannot reach a Dask scheduler at search.scheduler={config.scheduler!r}: {error}; start one, "
            "or set search.scheduler=null for workers on this machine"
        ) from error
    with client, parallel_config("dask", n_jobs=-1):
        yield
