"""The launcher that Hydra finds. It imports what a cluster needs only when it is used, so Hydra starts fast."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from hydra.core.plugins import Plugins
from hydra.core.utils import JobReturn
from hydra.plugins.launcher import Launcher
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig

from bikeml.errors import ConfigError
from bikeml.multirun.launcher import CellLauncher, refuse_budget

if TYPE_CHECKING:
    from bikeml.multirun.composed import PlannedCell


class AzureMLLauncher(Launcher, CellLauncher):
    """
    Run every cell of a sweep as one job of an Azure ML workspace, by :mod:`bikeml.azure.launch.story`.

    The keyword arguments are the keys of hydra.launcher, as conf/hydra/launcher/azureml.yaml describes them.
    """

    keeps_jobs = True

    def __init__(self, **options: Any) -> None:  # noqa: ANN401  checked as a whole when a launch begins
        self._options = options
        self._planned: Sequence[PlannedCell] | None = None

    def setup(self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig) -> None:  # noqa: ARG002
        """Keep the loader and the config; the task function runs in the jobs."""
        self._loader, self._master = hydra_context.config_loader, config

    def announce(self, planned: "Sequence[PlannedCell]") -> None:
        """
        Take the cells of a sweep, before anything is written.

        Raises ConfigError if a cluster cannot run them, and PlannedError if only a plan was requested.
        """
        check_installed("hydra/launcher=azureml")
        from bikeml.azure.launch.story import check
        from bikeml.multirun.sources import find_folders

        find_folders(self._master.hydra)
        refuse_budget(planned[0].config, ", and limit what the cluster may take with hydra.launcher.max_node_hours")
        check(planned, self._options)
        self._planned = planned

    def launch(self, job_overrides: Sequence[Sequence[str]], initial_job_idx: int) -> Sequence[JobReturn]:
        """
        Submit the cells of these overrides and wait for them; return the outcome of each, in order.

        Raises ClusterError if the workspace keeps the sweep from going on, and DetachedError with wait=false.
        """
        from bikeml.azure.launch.story import compose, find_planned, launch

        if self._planned is None:  # a sweeper that is not ours
            planned = compose(self._loader, self._master, job_overrides, initial_job_idx)
            self.announce(planned)
            self._planned = None  # it may call again
        else:
            planned = find_planned(self._planned, job_overrides)
        return launch(planned, self._options, self._master)


def check_installed(what: str) -> None:
    """Raise ConfigError if the packages that `what` needs are not installed."""
    from importlib import metadata  # 20 ms that a command which launches nothing need not take

    try:
        for name in ("azure-ai-ml", "azure-identity", "azureml-mlflow"):
            metadata.version(name)
    except metadata.PackageNotFoundError as error:
        raise ConfigError(f"{what} needs {error.name}; install it with: pip install 'bikeml[azure]'") from error


def register(name: str) -> None:
    """Make the launcher known to Hydra as `name`; Hydra 1.3 itself looks only in hydra_plugins packages."""
    Plugins.instance().register(AzureMLLauncher)
    Plugins.instance().class_name_to_class[name] = AzureMLLauncher
