"""Find the caller's run in which an experiment is recorded or nested, as MLflow's own functions would."""

import os
import sys
from dataclasses import dataclass

from bikeml.config.fields import LOCAL_STORE, absolute, is_store_of_environment
from bikeml.config.schema import TrackingConfig
from bikeml.records.run import Destination
from bikeml.system.redaction import redact

RUN_ID = "MLFLOW_RUN_ID"


@dataclass(frozen=True)
class CallersRun:
    """A run in a store, which the caller has begun."""

    id: str
    uri: str
    is_active: bool = False
    """Whether it is MLflow's active run, in which others nest, and not one to record into."""

    def is_in(self, uri: str) -> bool:
        """Return whether the run is in the store at `uri`."""
        return absolute(self.uri).rstrip("/") == absolute(uri).rstrip("/")


def find_callers_run(tracking: TrackingConfig) -> CallersRun | None:
    """
    Return the run that MLFLOW_RUN_ID names, or else MLflow's active run; None if there is none, or no store.

    The active run may be in another store than `tracking` names. MLFLOW_RUN_ID counts only if it is in the same.
    """
    if tracking.uri is None:
        return None
    named = os.environ.get(RUN_ID)
    return CallersRun(named, tracking.uri) if named and is_store_of_environment(tracking.uri) else _find_active()


def _find_active() -> CallersRun | None:
    """Return MLflow's active run; MLflow is not imported for it."""
    if "mlflow" not in sys.modules:
        return None
    import mlflow  # noqa: PLC0415  the caller has imported it

    run = mlflow.active_run()
    uri = str(mlflow.get_tracking_uri() or LOCAL_STORE)
    return None if run is None else CallersRun(str(run.info.run_id), uri, is_active=True)


def describe_destination(
    tracking: TrackingConfig, *, parent_run_id: str | None = None, run_id: str | None = None
) -> Destination:
    """Return the record of the store that `tracking` names, with the caller's or the sweep's run there."""
    return Destination(
        uri=tracking.uri and redact(absolute(tracking.uri)),
        experiment_name=tracking.experiment_name,
        experiment_id=tracking.experiment_id,
        parent_run_id=parent_run_id,
        run_id=run_id,
    )


def explain_other_store(run: CallersRun, uri: str) -> str:
    """Return that an active run is not the parent of one that is recorded at `uri`, and how it becomes it."""
    return (
        f"the active run {run.id} is in {redact(run.uri)!r}, and this one is recorded in {redact(uri)!r}, so it is not "
        "nested; set tracking.uri or MLFLOW_TRACKING_URI to nest it"
    )
