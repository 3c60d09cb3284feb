"""The sweeper that Hydra calls for -m: a shell, so that the command line starts without what a sweep needs."""

from typing import cast

from hydra._internal.core_plugins.basic_sweeper import BasicSweeper  # only after Hydra has scanned its plugins
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.plugins import Plugins
from hydra.plugins.launcher import Launcher
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig

from bikeml.errors import BikemlError
from bikeml.multirun.launcher import adapt


class Sweeper(BasicSweeper):
    """
    Hydra's basic sweeper over experiments that have an identity: the same grammar, then :mod:`bikeml.multirun.story`.

    Launchers stay plain: they are handed the overrides of the cells that must run, with a folder for each.
    """

    def __init__(self, params: dict[str, str] | None = None) -> None:
        super().__init__(max_batch_size=None, params=params)

    def setup(self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig) -> None:
        """Remember what Hydra hands over, and make the launcher."""
        super().setup(hydra_context=hydra_context, task_function=task_function, config=config)
        self._loader, self._master = hydra_context.config_loader, config
        self._launcher = adapt(cast(Launcher, self.launcher))

    def sweep(self, arguments: list[str]) -> None:
        """
        Run the sweep that `arguments`, in Hydra's override grammar, describe.

        Raises the errors of :func:`bikeml.multirun.story.run_sweep`.
        """
        from bikeml.multirun.story import run_sweep

        parser = OverridesParser.create(config_loader=self._loader)
        overrides = parser.parse_overrides([*self._parse_config(), *arguments])
        combinations = self.split_arguments(overrides, None)[0]
        try:
            run_sweep(self._loader, self._master, combinations, self._launcher)
        except BikemlError:
            raise
        except Exception as error:  # Hydra raises ValueError and TypeError for what a user wrote, we for no such thing
            raise RuntimeError("the sweep broke off") from error


def register(name: str) -> None:
    """Make the sweeper known to Hydra under that `name`, whose 1.3 looks for one in hydra_plugins packages only."""
    Plugins.instance().register(Sweeper)
    Plugins.instance().class_name_to_class[name] = Sweeper
