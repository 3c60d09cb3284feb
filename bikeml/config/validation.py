"""Validate a section of the config; one message lists all of its problems."""

from collections.abc import Mapping
from typing import Any, TypeVar, get_args

from pydantic import BaseModel, ValidationError

from bikeml.config.fields import Section
from bikeml.config.removed import explain_removed
from bikeml.errors import ConfigError
from bikeml.system.redaction import redact
from bikeml.system.spelling import did_you_mean

Typed = TypeVar("Typed", bound=Section)


def validate(section: type[Typed], values: Mapping[str, object], name: str = "") -> Typed:
    """Return the typed `section`, called `name`, of resolved `values`; raises ConfigError, all problems at once."""
    try:
        return section.model_validate(dict(values))
    except ValidationError as error:
        problems = [_problem(section, name, details) for details in error.errors()]
        raise ConfigError(redact("\n".join(problems))) from error


_SAID_SHORTER = {
    "model_type": "should be a mapping, such as {key: value}",
    "dict_type": "should be a mapping, such as {key: value}",
    "list_type": "should be a list, such as [1, 2]",
    "too_long": "should be one character",
    "too_short": "should not be empty",
    "string_too_short": "should not be empty",
    "int_type": "should be an integer",
    "string_type": "should be text; what YAML or Hydra reads as another value, such as no, 12:30, 1e5 or null, stands "
    'in quotes: "no"',
    "bool_type": "should be true or false",
    "float_type": "should be a number",
}


def _problem(root: type[BaseModel], name: str, details: Mapping[str, Any]) -> str:
    model, path = _locate(root, details["loc"])
    key = ".".join([name, *path] if name else path)
    if path == ["experiment"]:
        return "unknown key 'experiment'; a recipe's file begins with the line # @package _global_"
    if details["type"] == "extra_forbidden":
        known = list(model.model_fields) if model is not None else []
        unknown = f"unknown key {key!r}{did_you_mean(path[-1], known)}; allowed here: {', '.join(known)}"
        return explain_removed(key) or unknown
    if details["type"] == "missing":
        return f"{key} is missing; set it, or put the line back into the file it was taken from"
    message = _SAID_SHORTER.get(details["type"]) or str(details["msg"]).removeprefix("Value error, ")
    message = message.replace("Input should", "should")
    if details["type"].startswith("union_tag"):
        kinds = map(_kind, get_args(root.model_fields[key].annotation))
        return f"{key}.kind={_show(details['input'].get('kind'))} is not one of {', '.join(map(repr, kinds))}"
    whole_section = isinstance(details["input"], Mapping) and details["type"] == "value_error"
    return f"{key} {message}".strip() if whole_section else f"{key}={_show(details['input'])} {message}"


def _show(value: object) -> str:
    return "null" if value is None else repr(value)


def _locate(root: type[BaseModel], loc: tuple[int | str, ...]) -> tuple[type[BaseModel] | None, list[str]]:
    """Return the section below `root` in which an error lies, and its path without the names of union members."""
    model: type[BaseModel] | None = root
    path: list[str] = []
    members: dict[str, type[BaseModel]] = {}
    for part in map(str, loc):
        if part == "[key]" or part.startswith("("):  # the part before it is the key of a mapping; the tag of a union
            continue
        if part in members:
            model, members = members[part], {}
            continue
        path.append(part)
        field = model.model_fields.get(part) if model is not None else None
        if field is None:
            continue
        annotation = field.annotation
        members = {_kind(option): option for option in get_args(annotation) if hasattr(option, "model_fields")}
        if isinstance(annotation, type) and issubclass(annotation, BaseModel):
            model = annotation
        elif not members:
            model = None
    return model, path


def _kind(section: type[BaseModel]) -> str:
    return str(get_args(section.model_fields["kind"].annotation)[0])
