"""Build what a store holds of a run, within its limits: params, tags, and the place that a model says it is from."""

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from bikeml.config.sections import names_not_in_result
from bikeml.records import tags as names

# The strictest store is Azure ML: "Service limits in Azure Machine Learning" for tags, azure-sdk-for-python 35685 for
# parameters. The run folder holds the full values.
TAG_VALUE = 1000
"""The most characters of a tag that earlier runs are found by, in every store."""
PARAM_VALUE = 500
PARAMS = 200
"""The most parameters of one run."""


@dataclass(frozen=True)
class Limits:
    """What a store takes of the parameters and tags of a run."""

    params: int | None
    """The most parameters; None for any number."""
    value: int
    """The most characters of a parameter."""
    tag: int
    """The most characters of a tag."""


OF_AZURE_ML = Limits(PARAMS, PARAM_VALUE, TAG_VALUE)
OF_MLFLOW = Limits(None, 6000, 8000)
"""MLflow 3.15, MAX_PARAM_VAL_LENGTH and MAX_TAG_VAL_LENGTH."""
_NO_PARAM = re.compile(r"[^\w.\- :/]|/(?=/)")
"""What MLflow takes in no name of a parameter."""
DIGEST = 16
"""Hexadecimal digits at the end of a shortened value, so that two different values stay different."""


def describe(sections: Mapping[str, Any]) -> dict[str, str]:
    """Return the sections of a config that determine a result as parameters, by dotted key."""
    described: dict[str, str] = {}
    for key, value in flatten(sections).items():
        name = _NO_PARAM.sub("_", key)  # the name of a column may hold any character
        described[f"{name}_{_digest(key)}" if name in described else name] = str(value)
    return described


def flatten(section: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Return the values of nested mappings by dotted key."""
    flat: dict[str, Any] = {}
    for key, value in section.items():
        flat |= flatten(value, f"{prefix}{key}.") if isinstance(value, Mapping) and value else {f"{prefix}{key}": value}
    return flat


def result_choices(choices: Mapping[str, str]) -> dict[str, str]:
    """Return the chosen options, only of the groups that can change a figure."""
    left_out = names_not_in_result()
    return {group: option for group, option in choices.items() if group not in left_out}


def options_tag(choices: Mapping[str, str]) -> str:
    """Return the chosen options as one tag. Earlier runs of the same options are found by it."""
    return shorten(options_tag_of_form_1(result_choices(choices)), TAG_VALUE)


def options_tag_of_form_1(choices: Mapping[str, str]) -> str:
    """Return the tag as commit 3345f79 wrote it, with the groups that change no figure, and its tracking=local."""
    known = {group: "local" if (group, option) == ("tracking", "auto") else option for group, option in choices.items()}
    later = {"target": "identity"}.items()  # what runs did before there was the group
    return " ".join(f"{group}={option}" for group, option in sorted(known.items() - later))


def identity_tags(identity: Mapping[str, Any]) -> dict[str, str]:
    """Return the rest of the identity as tags: table, code and versions. A later sweep reports what changed."""
    versions = " ".join(f"{name}={number}" for name, number in identity["versions"].items())
    source = json.dumps([identity["source"], identity["user_source"]], sort_keys=True)
    return {
        names.TABLE: identity["data_sha256"],
        **({names.TEST_TABLE: identity["test_sha256"]} if "test_sha256" in identity else {}),
        names.SOURCE: hashlib.sha256(source.encode()).hexdigest()[:16],
        names.VERSIONS: shorten(versions, TAG_VALUE),
        names.IDENTITY_SCHEMA: str(identity["schema"]),
    }


def shorten(value: str, most: int) -> str:
    """Return a value of at most `most` characters. A longer value becomes its beginning and a digest of the whole."""
    if len(value) <= most:
        return value
    end = f"… {_digest(value)}"
    return value[: most - len(end)] + end


def _digest(value: str) -> str:
    return hashlib.sha256(value.encode(errors="surrogatepass")).hexdigest()[:DIGEST]


def fit_tags(tags: Mapping[str, str], most: int) -> dict[str, str]:
    """Return the tags, each value shortened to at most `most` characters."""
    return {name: shorten(value, most) for name, value in tags.items()}


_PLACE = re.compile(rb"^(?:run_id|artifact_path): [\w-]+\n|^(?P<id>model_id: )[\w-]+$", re.MULTILINE)


def place_model(description: bytes, run_id: str, model_id: str | None) -> bytes:
    """Return the MLmodel file of a run folder with the run and the logged model that hold it in a store."""
    told = f"model_id: {model_id or 'null'}\nartifact_path: model\nrun_id: {run_id}\n"
    return re.sub(rb"^model_id: null\n", told.encode(), description, count=1, flags=re.MULTILINE)


def unplace_model(description: bytes) -> bytes:
    """Return the MLmodel file as the run folder has it: what place_model added is not part of the run's digest."""
    return _PLACE.sub(lambda line: b"model_id: null" if line["id"] else b"", description)
