"""List the runs of a store that only MLflow's client can read: a server, or a workspace."""

from mlflow import MlflowClient
from mlflow.entities import Run

from bikeml.config.schema import Config
from bikeml.destination.local_store import StoredRun
from bikeml.records.tags import FINGERPRINT
from bikeml.tracking import store
from bikeml.tracking.backends import Store, open_store

PAGE = 1000
"""The most runs that one request brings."""


def list_stored(config: Config) -> list[StoredRun]:
    """
    Return the runs of experiments in the experiment of MLflow that the config names, newest first.

    Raises TrackingError if the store cannot be reached, and ClusterError if a workspace cannot.
    """
    place = open_store(config)
    with store.store_errors(place.uri, "list the runs", store.ADVICE):
        client = store.connect(place.uri)
        experiment = store.find_experiment(client, config.tracking)
        found = _search(client, str(experiment.experiment_id)) if experiment else []
        aliases = _find_aliases(place) if found else {}
        return [_describe(run, aliases.get(str(run.info.run_id), ())) for run in found]


def _search(client: MlflowClient, experiment: str) -> list[Run]:
    runs: list[Run] = []
    token, newest = None, ["attributes.start_time DESC"]
    while True:
        page = client.search_runs([experiment], max_results=PAGE, order_by=newest, page_token=token)
        runs += [run for run in page if FINGERPRINT in run.data.tags]
        token = page.token
        if not token:
            return runs


def _find_aliases(place: Store) -> dict[str, tuple[str, ...]]:
    aliases: dict[str, tuple[str, ...]] = {}
    for version, alias in place.aliases():
        if version.run_id:
            aliases[version.run_id] = (*aliases.get(version.run_id, ()), f"{version.name}@{alias}")
    return aliases


def _describe(run: Run, aliases: tuple[str, ...]) -> StoredRun:
    info, datasets = run.info, run.inputs.dataset_inputs if run.inputs else []
    return StoredRun(
        run_id=str(info.run_id),
        name=str(info.run_name or ""),
        status=str(info.status),
        started=info.start_time / 1000 if info.start_time else None,
        ended=info.end_time / 1000 if info.end_time else None,
        table=str(datasets[0].dataset.name) if datasets else None,
        tags=dict(run.data.tags),
        params=dict(run.data.params),
        metrics={name: float(value) for name, value in run.data.metrics.items() if value == value},  # noqa: PLR0124  NaN
        aliases=aliases,
    )
