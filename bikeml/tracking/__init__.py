"""
Runs in an MLflow store. The only package that imports mlflow.

Each module knows one thing:

    store      how to reach a store, and how a run in it begins and ends
    recording  what is recorded of an experiment
    sweeps     a sweep's own run, and the recorded runs that a sweep can take instead of fitting again
    recorded   a recorded run, and the way to its files
    runs       find a recorded run by what people call it
    models     the models of recorded runs, checked
    backends   what is asked of a store, and which class answers; imported when it is used
    mlflow_store  MLflow's own stores, and their registry of models
"""

import warnings

from bikeml.tracking import settings  # noqa: F401  before mlflow, which reads its settings once

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # mlflow's own imports warn of their dependencies
    import mlflow  # noqa: F401
