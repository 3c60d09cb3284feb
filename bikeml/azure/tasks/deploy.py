"""Deploy the model of a recorded run as an online endpoint."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated

import numpy as np
import pandas as pd
from azure.ai.ml.entities import ManagedOnlineEndpoint
from pydantic import Field

from bikeml.azure.endpoint.deployments import Deployment, Deployments, no_deployment
from bikeml.azure.endpoint.endpoints import Endpoints, to_rows
from bikeml.azure.endpoint.folder import prepare
from bikeml.azure.endpoint.traffic import ALL, share_traffic
from bikeml.azure.jobs.service import ServiceError
from bikeml.azure.workspace.connection import connect
from bikeml.azure.workspace.models import Models, run_tags
from bikeml.config.azure import AzureName
from bikeml.config.fields import ModelName, Name, Section
from bikeml.config.schema import Config
from bikeml.experiment.model_folder import read_example
from bikeml.recorded.model import fetch_checked
from bikeml.terminal import tables
from bikeml.terminal.progress import Announce, progress
from bikeml.tracking import lookup

CLOSE = 1e-6
"""The relative difference allowed to the prediction here: another CPU adds in another order."""


class Options(Section):
    """The keys of conf/task/deploy.yaml."""

    run: Name | None
    registered_model: ModelName
    endpoint: AzureName | None
    deployment: AzureName
    traffic: Annotated[int, Field(ge=0, le=ALL)]


@dataclass(frozen=True)
class Deployed:
    """An endpoint and the deployment of the task."""

    endpoint: str
    deployment: Deployment
    traffic: Mapping[str, int]
    """The share of the requests of each deployment, in per cent."""
    scoring_uri: str
    is_new: bool
    """Whether the deployment was made or changed just now."""
    run: str
    """Which run it is of, and how that was chosen; empty if only the traffic was moved."""


def deploy(config: Config, options: Options) -> None:
    """Deploy the model of a run, or only move the traffic, and show the endpoint; see :func:`deploy_run`."""
    with progress(lines=True) as announce:
        done = deploy_run(config, options, announce) if options.run else move_traffic(config, options, announce)
    machines = done.deployment.machines
    tables.show_facts(
        {
            **({"run": done.run} if done.run else {}),
            "endpoint": done.endpoint,
            "deployment": f"{done.deployment.name}{'' if done.is_new else ', as it was'}: {done.deployment.model} on "
            f"{machines.instance_count} x {machines.instance_type}",
            "traffic": ", ".join(f"{name} {share} %" for name, share in done.traffic.items()),
            "address": done.scoring_uri,
            "next": f"python -m bikeml azure invoke endpoint={done.endpoint}",
        }
    )


def deploy_run(config: Config, options: Options, announce: Announce) -> Deployed:
    """
    Deploy the model of a run at an endpoint, and return both; what is as wanted already stays unchanged.

    The endpoint is made if it is missing. The traffic is moved only after the deployment has answered the model's
    example as the model does here. Azure ML changes a deployment with traffic in place, so that it answers its share of
    the requests before this check.

    Raises RunNotFoundError, ModelFileError, ConfigError, TrackingError and ClusterError.
    """
    announce("looking for the run")
    run = lookup.find(config, str(options.run))
    with TemporaryDirectory(prefix="bikeml-") as folder, run.named_in_errors():
        announce("checking the model")
        model, pipeline = fetch_checked(run, Path(folder))
        endpoints, deployments, models = _connect(config, announce)
        name = options.endpoint or endpoints.default_name()
        found = endpoints.find(name)
        traffic = share_traffic(found.traffic if found else {}, options.deployment, options.traffic)
        announce("registering the model")
        version, _ = models.register(options.registered_model, model, run)
        served = prepare(model, Path(folder) / "served", config.azure.image)
        registered = f"{options.registered_model}:{version}"
        wanted = Deployment(options.deployment, registered, config.azure.endpoint, served.sha256)
        endpoint = endpoints.make(name)
        is_new = deployments.deploy(name, wanted, served, run_tags(run))
        example = read_example(model)
        _check_answer(endpoints, endpoint, wanted.name, example, pipeline.predict(example))
    return _let_it_answer(endpoints, endpoint, wanted, traffic, is_new=is_new, run=run.title)


def move_traffic(config: Config, options: Options, announce: Announce) -> Deployed:
    """Give an existing deployment, such as the previous one, its share of the requests; raises ClusterError."""
    endpoints, deployments, _ = _connect(config, announce)
    endpoint = endpoints.get(options.endpoint or endpoints.default_name())
    found = deployments.find(str(endpoint.name), options.deployment)
    if found is None or found[1] != "Succeeded":
        raise no_deployment(endpoint, options.deployment)
    traffic = share_traffic(endpoint.traffic, options.deployment, options.traffic)
    return _let_it_answer(endpoints, endpoint, found[0], traffic, is_new=False)


def _connect(config: Config, announce: Announce) -> tuple[Endpoints, Deployments, Models]:
    announce("looking at the workspace")
    workspace = connect(config.azure)
    return Endpoints(workspace, announce), Deployments(workspace, announce), Models(workspace)


def _check_answer(
    endpoints: Endpoints, endpoint: ManagedOnlineEndpoint, name: str, example: pd.DataFrame, expected: np.ndarray
) -> None:
    """Raise ServiceError unless the deployment answers the example as the model does here."""
    answer = endpoints.ask(endpoint, to_rows(example), name)
    if np.shape(answer) != expected.shape or not np.allclose(answer, expected, rtol=CLOSE, atol=0):
        raise ServiceError(
            f"deployment {name!r} answers {answer} to the model's example, which should be {expected.tolist()}; "
            f"{_advise(name, endpoint.traffic.get(name, 0))}",
            temporary=False,
        )


def _advise(name: str, share: int) -> str:
    """Return what a deployment with wrong answers does to the requests, and what to do."""
    if share:
        return (
            f"it was changed in place and already answers {share} % of the requests: go back with deploy run=PREVIOUS "
            f"deployment={name}, and try a model in another deployment=NAME with traffic=0 first"
        )
    return f"it gets no requests; look at its log in the Studio, or delete it: undeploy deployment={name}"


def _let_it_answer(
    endpoints: Endpoints,
    endpoint: ManagedOnlineEndpoint,
    deployment: Deployment,
    traffic: Mapping[str, int],
    *,
    is_new: bool,
    run: str = "",
) -> Deployed:
    name = str(endpoint.name)
    if {key: part for key, part in endpoint.traffic.items() if part} != {
        key: part for key, part in traffic.items() if part
    }:
        endpoints.move_traffic(endpoint, traffic)
    return Deployed(name, deployment, dict(traffic), str(endpoint.scoring_uri), is_new, run)
