"""Register the table of a config as a data asset of the workspace."""

from pathlib import Path
from tempfile import TemporaryDirectory

from bikeml.azure.jobs.limits import check
from bikeml.azure.workspace.connection import connect
from bikeml.config.fields import Section
from bikeml.config.schema import Config
from bikeml.experiment.check import find_tolerance
from bikeml.table.data import read_table, split_name
from bikeml.table.reading.source import read_bytes


class Options(Section):
    """The keys of conf/task/data.yaml: none."""


def register_data(config: Config, options: Options) -> None:  # noqa: ARG001  every task takes both
    """
    Register the table, and the test file if there is one, at the version of its sha256, and print name:version.

    Raises ConfigError if Azure ML refuses a name, DataError if the table does not fit the config, and
    ClusterError.
    """
    check(config)
    table = read_table(config, find_tolerance(config))
    workspace, test = connect(config.azure), (table.test_sha256, config.data.test_path)
    for sha256, path in ((table.sha256, config.data.path), test):
        if sha256 is None or path is None:
            continue
        with TemporaryDirectory(prefix="bikeml-") as folder:
            file = Path(folder) / f"table{split_name(path)[1]}"
            file.write_bytes(read_bytes(path))
            print(workspace.register_table(sha256, file))
