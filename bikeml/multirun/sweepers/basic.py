"""The sweeper that Hydra calls for -m. It imports what a sweep needs only when it sweeps, so Hydra starts fast."""

from collections.abc import Iterator, Sequence
from itertools import islice
from math import prod
from typing import TYPE_CHECKING

import hydra.plugins.sweeper
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override, RangeSweep
from hydra.core.plugins import Plugins
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig

from bikeml.config.overrides import as_typed
from bikeml.errors import BikemlError, ConfigError
from bikeml.multirun.launcher import adapt
from bikeml.terminal.machine import check_memory

if TYPE_CHECKING:
    from bikeml.multirun.proposals import Proposer


MOST_CELLS = 10_000
"""Each takes some 0.05 s to plan, and 0.1 MiB until it has run."""


class Sweeper(hydra.plugins.sweeper.Sweeper):
    """
    The grammar of Hydra's basic sweeper; :mod:`bikeml.multirun.story` runs the sweep.

    A launcher gets the overrides of the cells that must run, with a folder for each.
    """

    def __init__(self, params: dict[str, str] | None = None) -> None:
        self._params = params or {}

    def setup(self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig) -> None:
        """Keep the loader and the config, and make the launcher."""
        self._loader, self._master = hydra_context.config_loader, config
        launcher = Plugins.instance().instantiate_launcher(
            hydra_context=hydra_context, task_function=task_function, config=config
        )
        self._launcher = adapt(launcher)

    def sweep(self, arguments: list[str]) -> None:
        """
        Run the sweep that `arguments`, in Hydra's override grammar, describe.

        Raises the errors of :func:`bikeml.multirun.story.run_sweep`, and MachineError.
        """
        check_memory()
        try:
            self._launcher.warm_up()
            self._run(arguments)
        finally:
            self._launcher.cool_down()

    def _run(self, arguments: list[str]) -> None:
        parser = OverridesParser.create(config_loader=self._loader)
        axes = [f"{key}={value}" for key, value in self._params.items()]
        overrides = parser.parse_overrides([*axes, *arguments])
        proposer = self._propose(overrides, parser)
        try:
            from bikeml.multirun.story import run_sweep  # its imports take a second

            run_sweep(self._loader, self._master, proposer, self._launcher)
        except BikemlError:
            raise
        except Exception as error:  # Hydra's ValueError and TypeError mean wrong input; here they are a bug
            raise RuntimeError("the sweep broke off") from error

    def _propose(self, overrides: list[Override], parser: OverridesParser) -> "Proposer":
        from bikeml.multirun.proposals import Combinations
        from bikeml.multirun.sweepers.listed import KEY, read_lines

        common = [each for each in overrides if each.key_or_group != KEY]  # a cell has no list of cells
        if any(each.key_or_group == KEY and each.is_sweep_override() for each in overrides):
            raise ConfigError(f"{KEY} has several values, and a sweep has one list of cells: {KEY}=[...]")
        lines = read_lines(self._master, parser, common)
        _refuse_too_many(common, lines)
        return Combinations([words for line in lines for words in _combine([*common, *line])])


def _refuse_too_many(common: Sequence[Override], lines: Sequence[Sequence[Override]]) -> None:
    """Raise ConfigError if overrides and lines have too many combinations, before any is made."""
    sizes = {each.get_key_element(): _count(each) for each in common if _is_listed(each)}
    n_cells = prod(sizes.values()) * sum(prod(_count(each) for each in line if _is_listed(each)) for line in lines)
    if n_cells > MOST_CELLS:
        axis = max(sizes, key=sizes.__getitem__, default="sweep.cells")
        raise ConfigError(
            f"the sweep has {n_cells:,} cells or more, and at most {MOST_CELLS:,} can be planned, which is done before "
            f"the first one runs; give fewer values, such as those of {axis}, or let hydra/sweeper=bikeml_optuna "
            "propose some of them"
        )


def _is_listed(override: Override) -> bool:
    return override.is_sweep_override() and not override.is_interval_sweep()


def _count(override: Override) -> int:
    """Return how many values an axis has, but no more than one beyond what a sweep may have."""
    value = override.value()
    values = value.range() if isinstance(value, RangeSweep) else override.sweep_iterator()  # which lists a shuffled one
    return sum(1 for _ in islice(values, MOST_CELLS + 1))


def _combine(overrides: Sequence[Override]) -> Iterator[list[str]]:
    """Yield the words of each combination of the overrides' values, the first axis varying last."""
    from hydra._internal.core_plugins.basic_sweeper import BasicSweeper

    for each in overrides:
        if each.is_interval_sweep():
            raise ConfigError(
                f"{each.input_line}: an interval is no list of values; write choice() or range(), or let "
                "hydra/sweeper=bikeml_optuna draw from it"
            )
    (combinations,) = BasicSweeper.split_arguments(list(overrides), None)
    yield from (list(map(as_typed, words)) for words in combinations)


def register(sweeper: type[Sweeper], name: str) -> None:
    """Make a sweeper known to Hydra as `name`; Hydra 1.3 itself looks only in hydra_plugins packages."""
    Plugins.instance().register(sweeper)
    Plugins.instance().class_name_to_class[name] = sweeper
