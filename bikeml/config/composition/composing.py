"""Compose the configuration with Hydra."""

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any

from hydra import compose as hydra_compose
from hydra import initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from hydra.core.hydra_config import HydraConfig
from hydra.core.singleton import Singleton
from hydra.core.utils import JobRuntime
from hydra.version import VersionBase
from omegaconf import DictConfig, OmegaConf

from bikeml.config.composition.explanation import COMPOSITION_ERRORS, explain
from bikeml.config.composition.loader import check_files
from bikeml.config.composition.options import config_dir, find_own_folder
from bikeml.config.overrides import override
from bikeml.config.project import place_table
from bikeml.errors import ConfigError
from bikeml.system.redaction import learn, learn_environment


def compose(overrides: Sequence[str]) -> DictConfig:
    """
    Compose the primary config with `overrides`, Hydra's own section included.

    It may be called inside another program of Hydra's. Raises ConfigError when an override, a file or an interpolation
    is wrong.
    """
    try:
        with hydra_set_aside(), initialize_config_dir(str(config_dir()), version_base="1.3"):
            check_files(GlobalHydra.instance())
            return hydra_compose("config", [*_name_own_folder(overrides), *overrides], return_hydra_config=True)
    except COMPOSITION_ERRORS as error:
        raise explain(error) from error


def _name_own_folder(overrides: Sequence[str]) -> list[str]:
    """Return the override that names the folder of bikeml.yaml, unless the overrides name one."""
    folder = find_own_folder()
    is_named = any(word.lstrip("+").startswith("hydra.searchpath=") for word in overrides)
    return [] if folder is None or is_named else [override("hydra.searchpath", [str(folder)])]


@contextmanager
def hydra_set_aside() -> Iterator[None]:
    """Let Hydra be as if nobody had initialized it while the block runs; then give back what its caller had."""
    kinds: tuple[Any, ...] = (GlobalHydra, VersionBase, JobRuntime)
    earlier = {kind: Singleton._instances.pop(kind) for kind in kinds if kind in Singleton._instances}  # noqa: SLF001
    try:
        yield
    finally:
        for kind in kinds:
            Singleton._instances.pop(kind, None)  # noqa: SLF001  Hydra's own copy of its state would copy plugins too
        Singleton._instances.update(earlier)  # noqa: SLF001


def resolve(config: DictConfig, hydra: Any = None) -> dict[str, object]:  # noqa: ANN401  HydraConf, or a DictConfig
    """
    Return the experiment's part of a composed config as plain values, without Hydra's section.

    `hydra` is this section, if it is not in the config.

    Raises ConfigError when a value is missing or an interpolation cannot be resolved.
    """
    learn_environment()  # Hydra may have set some of it
    learn(OmegaConf.to_container(config))
    if "hydra" in config:
        _refuse_mixed_models(OmegaConf.to_container(config.hydra.overrides.task))
    try:
        with hydra_config_of(config) if "hydra" in config else nullcontext():
            values = {str(key): _to_plain(config, str(key)) for key in config if key != "hydra"}
    except COMPOSITION_ERRORS as error:
        raise explain(error) from error
    learn(values)
    hydra, data = config.get("hydra", hydra), values.get("data")
    if hydra is not None and isinstance(data, dict):
        sources = {str(source.path) for source in hydra.runtime.config_sources}
        place_table(data, str(hydra.runtime.choices.get("data")), sources, hydra.overrides.task)
    return values


def _to_plain(config: DictConfig, key: str) -> object:
    """Return a value of the config resolved, in its place: a copy of it would take longer than all the rest."""
    value = config[key]
    return OmegaConf.to_container(value, resolve=True, throw_on_missing=True) if OmegaConf.is_config(value) else value


@contextmanager
def hydra_config_of(composed: DictConfig) -> Iterator[None]:
    """Let ``${hydra:...}`` read Hydra's section of `composed` while the block runs, as in Hydra's own jobs."""
    instance = HydraConfig.instance()
    earlier = instance.cfg
    instance.set_config(composed)
    try:
        yield
    finally:
        instance.cfg = earlier


def run_folder(config: DictConfig) -> Path:
    """Return the folder that ``hydra.run.dir`` names, absolute."""
    return Path(str(config.hydra.run.dir)).absolute()


def choices(runtime_choices: Mapping[Any, Any]) -> dict[str, str]:
    """Return the chosen option of each of our own config groups; Hydra's groups have a slash in their names."""
    items = {str(group): option for group, option in runtime_choices.items()}
    return {group: str(option) for group, option in items.items() if "/" not in group and option is not None}


def _refuse_mixed_models(overrides: Any) -> None:  # noqa: ANN401  of OmegaConf's many types, a list of texts
    """Raise ConfigError for model=[tree,rf]: Hydra would give the second model the arguments of the first as well."""
    for listed in filter(None, (re.fullmatch(r"model=\[(.*)\]", str(word)) for word in overrides)):
        chosen = [each.strip() for each in listed[1].split(",")]
        ours = [each for each in chosen if (config_dir() / "model" / f"{each}.yaml").is_file()]
        if len(ours) > 1:
            raise ConfigError(
                f"{listed[0]} mixes the arguments of {len(ours)} models; choose one, or sweep over them: "
                f"-m model={','.join(chosen)}"
            )
