"""Delete an online endpoint, or one of its deployments."""

from azure.ai.ml.entities import ManagedOnlineEndpoint

from bikeml.azure.endpoint.deployments import Deployments, no_deployment
from bikeml.azure.endpoint.endpoints import Endpoints
from bikeml.azure.jobs.service import ServiceError
from bikeml.azure.workspace.connection import connect
from bikeml.config.azure import AzureName
from bikeml.config.fields import Section
from bikeml.config.schema import Config
from bikeml.terminal import tables
from bikeml.terminal.progress import progress


class Options(Section):
    """The keys of conf/task/undeploy.yaml."""

    endpoint: AzureName | None
    deployment: AzureName | None


def undeploy(config: Config, options: Options) -> None:
    """
    Delete an endpoint with all its deployments, or one deployment that takes no requests, and say what was deleted.

    Raises ClusterError if there is none of that name.
    """
    with progress(lines=True) as announce:
        announce("looking at the workspace")
        workspace = connect(config.azure)
        endpoints, deployments = Endpoints(workspace, announce), Deployments(workspace, announce)
        endpoint = endpoints.get(options.endpoint or endpoints.default_name())
        names = sorted(endpoint.traffic)
        if options.deployment is None:
            endpoints.delete(str(endpoint.name))
            facts = {"deleted": f"endpoint {endpoint.name} with its deployments: {', '.join(names) or 'none'}"}
        else:
            _delete_deployment(deployments, endpoint, options.deployment)
            left = ", ".join(name for name in names if name != options.deployment)
            facts = {
                "deleted": f"deployment {options.deployment}",
                "left": f"endpoint {endpoint.name}: {left or 'empty'}",
            }
    tables.show_facts({**facts, "kept": "the registered models"})


def _delete_deployment(deployments: Deployments, endpoint: ManagedOnlineEndpoint, name: str) -> None:
    if name not in endpoint.traffic:
        raise no_deployment(endpoint, name)
    if endpoint.traffic[name]:
        raise ServiceError(
            f"deployment {name!r} takes {endpoint.traffic[name]} % of the requests; first move them: python -m "
            "bikeml azure deploy run=null deployment=OTHER; or delete the whole endpoint: deployment=null",
            temporary=False,
        )
    deployments.find(str(endpoint.name), name)  # waits: a deployment that is being made cannot be deleted
    deployments.delete(str(endpoint.name), name)
