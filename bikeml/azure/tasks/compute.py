"""Make the cluster of a config in the workspace."""

from bikeml.azure.jobs.limits import check
from bikeml.azure.workspace.connection import connect
from bikeml.config.fields import Section
from bikeml.config.schema import Config


class Options(Section):
    """The keys of conf/task/compute.yaml: none."""


def make_compute(config: Config, options: Options) -> None:  # noqa: ARG001  every task takes both
    """Make the cluster if there is none of its name, and print the name; raises ConfigError and ClusterError."""
    check(config)
    connect(config.azure).make_cluster()
    print(config.azure.compute.name or "serverless compute, which needs no cluster")
