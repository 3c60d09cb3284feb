"""
Tell the keys of a config that determine a result from the others, by the marks of its schema.

The fingerprint, the parameters of a recorded run, reuse, reproduce and the page of a sweep use this.
"""

from collections.abc import Callable, Iterator, Mapping
from types import UnionType
from typing import Any, TypeVar, Union, get_args, get_origin

from pydantic.fields import FieldInfo

from bikeml.config.fields import AddedLater, Elsewhere, NotInResult, Section
from bikeml.config.removed import drop_removed, unset_removed
from bikeml.config.schema import Config
from bikeml.errors import RecordError

ARGUMENTS_NOT_IN_RESULT = (
    *("n_jobs", "verbose", "pre_dispatch", "backend"),
    *("thread_count", "verbosity", "allow_writing_files"),  # of boosters
)
"""The arguments of estimators that change no figure."""

Mark = TypeVar("Mark", Elsewhere, AddedLater)


def result_sections(config: Config) -> dict[str, Any]:
    """Return the part of `config` that determines its result on a table, as plain values."""
    sections: dict[str, Any] = _without_arguments(keep_result(config.model_dump(), type(config)))
    for section in (sections, *(each for each in sections.get("blend", ()) if isinstance(each, Mapping))):
        _keep_order(section["preprocessing"])
    data = sections["data"]
    for role in {"numeric", "categorical", "text"} & data.keys():
        data[role] = sorted(data[role])
    if config.split.kind != "chronological" and not config.preprocessing.date:
        del data["date"], data["date_format"]
    if config.search.kind == "none" or config.searched_key != "model.grid":
        del sections["model"]["grid"]
    if config.searched_key != "model.space":
        sections["model"].pop("space", None)
    if config.evaluation.importance == "none":  # which is what reads it
        sections["evaluation"].pop("rank", None)
    return sections


def _keep_order(preprocessing: dict[str, Any]) -> None:
    """Add the order of the steps: it counts, and equal mappings may have another."""
    for kind, steps in list(preprocessing.items()):
        if isinstance(steps, Mapping) and len(steps) > 1:
            preprocessing[f"{kind}_order"] = list(steps)
    own = preprocessing.get("columns", {})
    if own:
        preprocessing["columns_order"] = [[key, *steps] for key, steps in own.items()]


def names_not_in_result(schema: type[Section] = Config) -> set[str]:
    """Return the dotted keys that change no figure; if no key of a section does, the section's name."""
    names = set()
    for name, field in schema.model_fields.items():
        if _changes_no_figure(field):
            names.add(name)
        else:
            names |= {f"{name}.{below}" for member in _members(field) for below in names_not_in_result(member)}
    return names


def keep_result(sections: Mapping[str, Any], schema: type[Section]) -> dict[str, Any]:
    """Return `sections` without the keys that change no figure, and without keys added later at their default."""
    kept = {}
    for name, value in sections.items():
        field = schema.model_fields[name]
        if _changes_no_figure(field):
            continue
        kept[name] = _below(field, value, keep_result)
        later = _find_mark(field, AddedLater)
        if later and kept[name] == _below(field, later.default, keep_result):
            del kept[name]
    return kept


def take_known(sections: Mapping[str, Any]) -> dict[str, Any]:
    """
    Return the sections of an experiment alone: what else a recorded config may have, such as Hydra's, would run code.

    Raises RecordError if one has a defaults list, by which Hydra would read other files or put them elsewhere.
    """
    known = {name: sections[name] for name in Config.model_fields if name in sections}
    for name, section in known.items():
        if isinstance(section, Mapping) and "defaults" in section:
            raise RecordError(f"the run's config has {name}.defaults, which bikeml never writes; name another run")
    return known


def complete(sections: Mapping[str, Any], schema: type[Section] = Config) -> dict[str, Any]:
    """Return the `sections` of a recorded run with the keys of this version. Those added later say what the run did."""
    completed = drop_removed(sections)
    for name, field in schema.model_fields.items():
        later = _find_mark(field, AddedLater)
        if later and name not in sections:
            completed[name] = later.default
        if name in completed:
            completed[name] = _below(field, completed[name], complete)
    return completed


def move_elsewhere(sections: Mapping[str, Any], schema: type[Section] = Config) -> dict[str, Any]:
    """Return the `sections` of a recorded run, changed so that any machine can run them to the same figures."""
    moved = unset_removed(sections)
    for name in sections.keys() & schema.model_fields:
        field = schema.model_fields[name]
        mark = _find_mark(field, Elsewhere)
        moved[name] = mark.value if mark else _below(field, moved[name], move_elsewhere)
    return moved


def _below(field: FieldInfo, value: Any, rewrite: Callable[[Mapping[str, Any], type[Section]], Any]) -> Any:  # noqa: ANN401  any YAML value
    """Return a section or a list of them, rewritten by the schema of the field or of its kind; others unchanged."""
    if isinstance(value, list):
        return [_below(field, each, rewrite) for each in value]
    if not isinstance(value, Mapping):
        return value
    for member in _members(field):
        kind = member.model_fields.get("kind")
        if kind is None or value.get("kind") in get_args(kind.annotation):
            return rewrite(value, member)
    return value


def _members(field: FieldInfo) -> Iterator[type[Section]]:
    """Yield the sections that a field allows: one, one for each kind, or that of a list's items."""
    is_union = get_origin(field.annotation) in (Union, UnionType, list)
    for option in get_args(field.annotation) if is_union else (field.annotation,):
        if isinstance(option, type) and issubclass(option, Section):
            yield option


def _changes_no_figure(field: FieldInfo) -> bool:
    return any(mark is NotInResult or isinstance(mark, NotInResult) for mark in field.metadata)


def _find_mark(field: FieldInfo, kind: type[Mark]) -> Mark | None:
    return next((mark for mark in field.metadata if isinstance(mark, kind)), None)


def _without_arguments(value: Any) -> Any:  # noqa: ANN401  any YAML value
    if isinstance(value, Mapping):
        left_out = ARGUMENTS_NOT_IN_RESULT if "_target_" in value else ()
        return {key: _without_arguments(item) for key, item in value.items() if key not in left_out}
    return [_without_arguments(item) for item in value] if isinstance(value, list) else value
