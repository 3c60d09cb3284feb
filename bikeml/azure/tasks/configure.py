"""Write the names of a workspace to config.json for the next command."""

from bikeml.azure.workspace import connection
from bikeml.config.fields import Section
from bikeml.config.schema import Config


class Options(Section):
    """The keys of conf/task/configure.yaml: none."""


def configure(config: Config, options: Options) -> None:  # noqa: ARG001  every task takes both
    """Write the names of the workspace if it answers, and print that; raises ConfigError and ClusterError."""
    print(connection.configure(config.azure))
