"""
Tell which values below ``hydra`` a config file may have.

Hydra runs what its section names: callbacks, the classes of a log, the ``_target_`` of a launcher, the packages of a
search path. The words of a command are the user's own and may set all of it. A file may be a stranger's, so it has only
values that name no code and no other folder.
"""

import re
from collections.abc import Iterator, Mapping

from omegaconf import DictConfig, ListConfig, OmegaConf

from bikeml.config.composition.explanation import COMPOSITION_ERRORS

SECTION = "hydra"
TEXTS = frozenset(
    {"n_jobs", "n_trials", "seed", "backend", "prefer", "require", "batch_size", "on_interrupt", "on_quota"}
)
"""The keys of launchers and sweepers whose value may be text: those of bikeml's own and of joblib's."""
_INTERPOLATION = (
    r"\$\{(now:[\w%:. -]*|hydra[:.](job\.(name|num|id|config_name|override_dirname)|runtime\.choices\.[\w/]+))\}"
)
_FOLDER = rf"(?s:(?!/)(?!.*\.\.)([^${{}}\\:~]|{_INTERPOLATION})+)"
"""A folder below the working folder."""
_FREE = frozenset({"mode", "verbose", "job.chdir", "job.config.override_dirname.exclude_keys"})
_FORMS = {
    "job.name": r"\w[\w-]*",
    "output_subdir": "None",
    "run.dir": _FOLDER,
    "sweep.dir": _FOLDER,
    "sweep.subdir": _FOLDER,
}
"""What the text of a value may be."""

Key = tuple[str, ...]


def list_values(value: object, key: Key = (SECTION,)) -> Iterator[tuple[Key, object]]:
    """Yield each value below a key with its own key. An empty mapping, which changes nothing, has none."""
    if isinstance(value, Mapping):
        for name, below in value.items():
            yield from list_values(below, (*key, str(name)))
    else:
        yield key, value


def is_harmless(key: Key, value: object) -> bool:
    """Return whether a file may have the value at a key, of which the first part is SECTION."""
    name = ".".join(key[1:])
    if name in _FORMS:
        return bool(re.fullmatch(_FORMS[name], str(value)))
    match key[1:]:
        case ["sweeper", "params", axis]:
            return _is_axis(axis, value)
        case ["launcher" | "sweeper", setting]:
            is_text = isinstance(value, str) and setting in TEXTS
            return not setting.startswith("_") and (is_text or _is_number(value))
    return name in _FREE


def _is_axis(name: str, value: object) -> bool:
    """
    Return whether a sweeper may read ``name=value`` as a word of the command.

    It is no word of Hydra's own section, and leads out of no folder that has the name of a cell.
    """
    values = value if isinstance(value, list) else [value]
    is_plain = all(_is_number(each) or (isinstance(each, str) and ".." not in each) for each in values)
    return SECTION not in name and not name.startswith("_") and is_plain


def _is_number(value: object) -> bool:
    return value is None or isinstance(value, bool | int | float)


def find_links(node: DictConfig | ListConfig, key: Key = (SECTION,)) -> Iterator[Key]:
    """
    Yield the keys below a composed section whose interpolation stands for a whole mapping or list.

    An option that is shipped may read a value of the experiment, as ``seed: ${seed}``. A mapping there could have a
    ``_target_`` of its own, which Hydra would call.
    """
    names = list(node) if isinstance(node, DictConfig) else range(len(node))
    for name in names:
        here = (*key, str(name))
        if OmegaConf.is_missing(node, name):
            continue
        is_link = OmegaConf.is_interpolation(node, name)
        try:
            value = node[name]
        except COMPOSITION_ERRORS:  # Hydra cannot read it either
            continue
        if is_link and OmegaConf.is_config(value):
            yield here
        elif not is_link and OmegaConf.is_config(value):
            yield from find_links(value, here)
