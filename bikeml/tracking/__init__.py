"""
Record runs in an MLflow store, and find them again. The only package that imports mlflow.

    store         reach a store, and begin and end a run in it
    artifacts     the files and the model of a run: send, find and fetch them
    entities      MLflow's metrics, params, tags and dataset of a run
    description   describe a run in Markdown, for MLflow's pages
    record        record the folder of a run
    sweeps        record a sweep's own run, and find recorded runs to reuse in a sweep
    owners        end the runs of processes that have died
    lookup        find a recorded run by id, alias, "best" or "latest", and list all; a room of its own
    application   answer requests with the model of a recorded run
    backends      what bikeml needs from a store, and which class provides it; imported when it is used
    mlflow_store  MLflow's own stores, and their registry of models
"""

import warnings

from bikeml.destination import settings  # noqa: F401  before mlflow, which reads its settings when imported

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # mlflow's dependencies warn when they are imported
    import mlflow  # noqa: F401
