"""End the runs whose processes have died: what was killed could not end them."""

from mlflow import MlflowClient

from bikeml.config.schema import Config
from bikeml.records.tags import OWNER
from bikeml.system.processes import is_gone
from bikeml.tracking import store
from bikeml.tracking.backends import open_store

MOST = 1000


def end_runs_of_dead_processes(client: MlflowClient) -> None:
    """End each run as KILLED whose process ran on this machine and has ended; raises one of STORE_ERRORS."""
    experiments = [str(experiment.experiment_id) for experiment in client.search_experiments(max_results=MOST)]
    for run in client.search_runs(experiments, "attributes.status = 'RUNNING'", max_results=MOST):
        if is_gone(run.data.tags.get(OWNER, "")):
            client.set_terminated(run.info.run_id, "KILLED")


def end_dead_runs(config: Config) -> None:
    """End the runs of dead processes in the store of `config`, if it has one; raises TrackingError."""
    if config.tracking.uri is None:
        return
    uri = open_store(config).uri
    with store.store_errors(uri):
        end_runs_of_dead_processes(store.connect(uri))
