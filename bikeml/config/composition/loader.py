"""Hydra's loader as bikeml gives it to Hydra: checked, and quick where the cells of a sweep choose the same files."""

import pickle
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import hydra._internal.hydra as hydra_main
from hydra._internal.config_loader_impl import get_overrides_dirname
from hydra._internal.config_repository import CachingConfigRepository
from hydra.core.config_search_path import ConfigSearchPath
from hydra.core.global_hydra import GlobalHydra
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override
from hydra.errors import ConfigCompositionException
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from bikeml.config.composition.checked_loader import CheckedLoader

MOST_KEPT = 50
"""Compositions, 0.1 MiB each. The cells that differ only in the axis that varies last are next to each other."""


def check_files(initialized: GlobalHydra) -> None:
    """Let a Hydra that is initialized load its config files with :class:`Loader`."""
    hydra = initialized.hydra
    if hydra is not None:
        hydra.config_loader = Loader(hydra.config_loader.get_search_path())


@contextmanager
def checked_files() -> Iterator[None]:
    """Let a Hydra that is made while the block runs load its config files with :class:`Loader`."""
    loader = vars(hydra_main)["ConfigLoaderImpl"]
    vars(hydra_main)["ConfigLoaderImpl"] = Loader  # Hydra 1.3 takes no loader of its caller's
    try:
        yield
    finally:
        vars(hydra_main)["ConfigLoaderImpl"] = loader


class Loader(CheckedLoader):
    """Hydra's loader. Cells that choose the same files share what these are composed to, before values are set."""

    def __init__(self, config_search_path: ConfigSearchPath) -> None:
        super().__init__(config_search_path)
        self._kept: dict[tuple[str, ...], tuple[bytes, bool]] = {}
        self._groups: CachingConfigRepository | None = None

    def load_sweep_config(self, master_config: DictConfig, sweep_overrides: list[str]) -> DictConfig:
        """Compose the config of a cell, as Hydra does: all files first, then the values in their order."""
        name = master_config.hydra.job.config_name
        given: Any = OmegaConf.to_container(master_config.hydra.overrides.hydra)  # unresolved, for each cell's values
        parsed = OverridesParser.create().parse_overrides(sweep_overrides)
        if self._groups is None:
            _, self._groups = self._parse_overrides_and_create_caching_repo(name, given)
        is_group = [each.is_hydra_override() or self._groups.group_exists(each.key_or_group) for each in parsed]
        values = [each for each, chooses in zip(parsed, is_group, strict=True) if not chooses]
        files = [_line(each) for each, chooses in zip(parsed, is_group, strict=True) if chooses]
        self.validate_sweep_overrides_legal(values, RunMode.RUN, from_shell=True)
        composed = self._compose_files(name, [*given, *files])
        try:
            self._apply_overrides_to_config(values, composed)
        except OmegaConfBaseException as error:
            raise ConfigCompositionException from error
        _describe(composed, [each for each in parsed if not each.is_hydra_override()])
        self.refuse(composed)
        OmegaConf.copy_cache(from_config=master_config, to_config=composed)
        return composed

    def _compose_files(self, name: str | None, words: Sequence[str]) -> DictConfig:
        """Return a copy of the composition of some words, which choose files."""
        key = (str(name), *words)
        if key not in self._kept:
            composed = self.load_configuration(name, list(words), RunMode.RUN)
            try:
                packed = pickle.dumps(composed)
            except pickle.PicklingError:  # Hydra's scan runs a plugin's modules twice, as that of its joblib launcher
                return composed
            if len(self._kept) >= MOST_KEPT:
                self._kept.clear()
            self._kept[key] = packed, self._has_users_files
        packed, self._has_users_files = self._kept[key]
        copy: DictConfig = pickle.loads(packed)  # noqa: S301  of this process
        return copy


def _describe(composed: DictConfig, overrides: Sequence[Override]) -> None:
    """Note all overrides of a cell that are not Hydra's where Hydra has noted those that choose files."""
    job = composed.hydra.job
    composed.hydra.overrides.task = list(map(_line, overrides))
    job.override_dirname = get_overrides_dirname(list(overrides), **job.config.override_dirname)


def _line(override: Override) -> str:
    return str(override.input_line)
