"""Find what is different in the configs of two runs."""

import json
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from bikeml.config.sections import complete, names_not_in_result
from bikeml.errors import RecordError
from bikeml.records.run_folder import CONFIG, RunFolder

OF_MEMBERS = ("preprocessing", "model", "target", "search")
"""The sections that each member of a blend has for itself."""


class Difference(NamedTuple):
    """A value of a config that is different in the best cell."""

    path: str
    best: str
    here: str


def read_config(folder: RunFolder) -> dict[str, Any]:
    """Return the sections of a cell's config that can change a figure; empty if the config cannot be read."""
    if not folder.has(CONFIG):
        return {}
    try:
        config = complete(folder.read_config())
    except RecordError:
        return {}
    left_out = names_not_in_result()
    return {key: value for key, value in config.items() if key not in left_out}


def find_differences(best: Any, here: Any, path: str = "") -> Iterator[Difference]:  # noqa: ANN401  any YAML value
    """Yield the differences between two configs. Two estimators of different classes are one difference."""
    if best == here:
        return
    is_both = isinstance(best, dict) and isinstance(here, dict) and best and here
    if not is_both or best.get("_target_") != here.get("_target_"):
        is_class = is_both and "_target_" in best  # its arguments are in the best cell's own config
        yield Difference(path, _class_name(best) if is_class else _describe(best), _describe(here))
        return
    for key in dict.fromkeys([*best, *here]):
        is_of_members = not path and key in OF_MEMBERS and (best.get("blend") or here.get("blend"))
        # the parameters that the search found show its grid
        if (path, key) != ("model", "grid") and not is_of_members:
            below = f"{path}.{key}" if path else str(key)
            yield from find_differences(best.get(key), here.get(key), below)


def _describe(value: Any) -> str:  # noqa: ANN401  any YAML value
    if isinstance(value, dict) and "_target_" in value:
        arguments = [f"{key}={_describe(each)}" for key, each in value.items() if key != "_target_"]
        return f"{_class_name(value)}({', '.join(arguments)})"
    if isinstance(value, dict):
        return ", ".join(f"{key}: {_describe(each)}" for key, each in value.items()) or "none"
    if isinstance(value, list) and value and all(isinstance(each, dict) and "fold_weights" in each for each in value):
        return ", ".join(f"{each['weight']} × {each['name']}" for each in value)
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)


def _class_name(value: Mapping[str, Any]) -> str:
    return str(value["_target_"]).rpartition(".")[2]
