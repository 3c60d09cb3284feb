"""Settle where an experiment or a sweep is going to be recorded, and say it: this is done before the fit."""

import os
from dataclasses import replace

from bikeml.config.fields import (
    AZUREML,
    EXPERIMENT_ID,
    EXPERIMENT_NAME,
    LOCAL_STORE,
    TRACKING_URI,
    find_fault_of_platform,
    is_store_of_environment,
)
from bikeml.config.schema import TrackingConfig
from bikeml.destination.caller import RUN_ID, CallersRun, explain_other_store, find_callers_run
from bikeml.destination.server import ask_server
from bikeml.records.run import Invocation
from bikeml.system.redaction import redact
from bikeml.terminal.tables import show_notice


def settle(tracking: TrackingConfig, invocation: Invocation, *, is_cell: bool) -> Invocation:
    """
    Return the invocation with the caller's run into which the experiment is recorded, or in which it nests.

    Under our own sweeper nothing is left to settle. Raises TrackingError if the store's server refuses the run.
    """
    if invocation.parent_run_id is not None or (is_cell and invocation.is_prepared):
        return invocation
    run = find_destination(tracking, takes=not is_cell)
    is_away = ask_server(tracking)
    if is_away:
        show_notice(is_away)
    if run is None:
        return invocation
    if is_cell or run.is_active:
        return replace(invocation, parent_run_id=run.id)
    return replace(invocation, run_id=run.id)


def find_destination(tracking: TrackingConfig, *, takes: bool = True) -> CallersRun | None:
    """
    Say where `tracking` records, and return the caller's run there.

    MLFLOW_RUN_ID is removed if it `takes` the run, as mlflow.start_run does: two results do not fit into one run.
    """
    run = find_callers_run(tracking)
    is_elsewhere = run is not None and not run.is_in(str(tracking.uri))
    notices = [explain(tracking), explain_other_store(run, str(tracking.uri)) if run and is_elsewhere else None]
    for notice in filter(None, notices):
        show_notice(notice)
    if run and takes and not run.is_active:
        del os.environ[RUN_ID]
    return None if is_elsewhere else run


def explain(tracking: TrackingConfig) -> str | None:
    """Return whether the config or MLflow's variables decide where runs are recorded; None if no variable is set."""
    said = [_explain_uri(tracking), _explain_experiment(tracking) if tracking.uri else None]
    return "; ".join(filter(None, said)) or None


def _explain_uri(tracking: TrackingConfig) -> str | None:
    named, used = os.environ.get(TRACKING_URI), tracking.uri
    if not named or (used == AZUREML and named.startswith(f"{AZUREML}:")):  # in a job
        return None
    where = f"the run is recorded in {redact(used)!r}" if used else "the run is recorded in no store"
    if used == named:
        return f"{where}, as {TRACKING_URI} says"
    fault = find_fault_of_platform(named) if used == LOCAL_STORE else None
    if fault:
        return f"{where}: {TRACKING_URI}={redact(named)!r} {fault}, or set tracking.uri"
    return f"{where}, as tracking.uri says, and not {TRACKING_URI}"


def _explain_experiment(tracking: TrackingConfig) -> str | None:
    name, number = os.environ.get(EXPERIMENT_NAME), os.environ.get(EXPERIMENT_ID)
    if not name and not number:
        return None
    if tracking.experiment_id is not None:
        says = EXPERIMENT_ID if number == tracking.experiment_id and not name else "tracking.experiment_id"
        return f"in the experiment with the id {tracking.experiment_id}, as {says} says"
    where = f"in the experiment {tracking.experiment_name!r}"
    if not is_store_of_environment(tracking.uri) and not name:
        return f"{where}: {EXPERIMENT_ID} is of another store"
    return f"{where}, as {EXPERIMENT_NAME if name == tracking.experiment_name else 'tracking.experiment_name'} says"
