"""The JSON schema of an option of the config group `data`, from its typed section: editors complete and check by it."""

from typing import Any

import yaml

from bikeml.config.composition import config_dir, read_key_comments
from bikeml.config.data import DataConfig

INTERPOLATION = {"type": "string", "pattern": r"^(.*\$\{.*|\?\?\?)$"}
"""A value that Hydra finds elsewhere, or one that the command line has to set."""


def build_schema() -> dict[str, Any]:
    """Return the schema; a file may leave keys out, since it is merged into others."""
    schema = DataConfig.model_json_schema()
    shipped = config_dir() / "data" / "csv.yaml"
    comments, defaults = read_key_comments(shipped), yaml.safe_load(shipped.read_text(encoding="utf-8"))
    for key, found in schema["properties"].items():
        is_optional = defaults.get(key) is None
        allowed = [_loosen(found), INTERPOLATION, *([{"type": "null"}] if is_optional else [])]
        schema["properties"][key] = {"description": comments.get(key, ""), "anyOf": allowed}
    schema["properties"]["defaults"] = {"description": "the options that this one begins with", "type": "array"}
    del schema["required"]
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema, "title": "data", "description": ""}


def _loosen(found: Any) -> Any:  # noqa: ANN401  any part of a schema
    """Let a list of names hold numbers: a column may be called 2011."""
    if isinstance(found, list):
        return [_loosen(each) for each in found]
    if not isinstance(found, dict):
        return found
    loose = {key: _loosen(value) for key, value in found.items() if key != "title"}
    if loose.get("items", {}).get("type") == "string":
        loose["items"] = {**loose["items"], "type": ["string", "integer"]}
    return loose
