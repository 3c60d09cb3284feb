"""
Runs in an MLflow store. The only package that imports mlflow.

Each module knows one thing:

    store      how to reach a store, and how a run in it begins and ends
    recording  what is recorded of an experiment
    sweeps     a sweep's own run, and the recorded runs that a sweep can take instead of fitting again
    runs       find a recorded run by what people call it, and bring its files
    models     versions and aliases in the registry of a store
"""

import warnings

from bikeml import mlflow_settings  # noqa: F401  before mlflow, which reads its settings once

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # mlflow's own imports warn of their dependencies
    import mlflow  # noqa: F401
