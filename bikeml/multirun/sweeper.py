"""The sweeper that Hydra calls for -m. It imports what a sweep needs only when it sweeps, so Hydra starts fast."""

from typing import cast

from hydra._internal.core_plugins.basic_sweeper import BasicSweeper  # only after Hydra has scanned its plugins
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.plugins import Plugins
from hydra.plugins.launcher import Launcher
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig

from bikeml.config.overrides import as_typed
from bikeml.errors import BikemlError
from bikeml.multirun.launcher import adapt


class Sweeper(BasicSweeper):
    """
    The grammar of Hydra's basic sweeper; :mod:`bikeml.multirun.story` runs the sweep.

    A launcher gets the overrides of the cells that must run, with a folder for each.
    """

    def __init__(self, params: dict[str, str] | None = None) -> None:
        super().__init__(max_batch_size=None, params=params)

    def setup(self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig) -> None:
        """Keep the loader and the config, and make the launcher."""
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
        combinations = [list(map(as_typed, words)) for words in self.split_arguments(overrides, None)[0]]
        try:
            run_sweep(self._loader, self._master, combinations, self._launcher)
        except BikemlError:
            raise
        except Exception as error:  # Hydra's ValueError and TypeError mean wrong input; here they are a bug
            raise RuntimeError("the sweep broke off") from error


def register(name: str) -> None:
    """Make the sweeper known to Hydra as `name`; Hydra 1.3 itself looks only in hydra_plugins packages."""
    Plugins.instance().register(Sweeper)
    Plugins.instance().class_name_to_class[name] = Sweeper
