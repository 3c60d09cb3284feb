"""
How long the tags and parameters of a run may be, so that every store takes them; the files of the run have the whole.

They are those of Azure ML, the strictest: "Service limits in Azure Machine Learning" for tags, and
azure-sdk-for-python 35685 for parameters.
"""

from collections.abc import Mapping
from hashlib import sha256

TAG_VALUE = 1000
PARAM_VALUE = 500
PARAMS = 200
"""Of one run."""
DIGEST = 16
"""Hexadecimal digits that keep two shortened values apart."""


def shorten(value: str, most: int) -> str:
    """Return a value, or of one that is too long its beginning and a digest, by which it is equal to itself alone."""
    if len(value) <= most:
        return value
    end = f"… {sha256(value.encode(errors='surrogatepass')).hexdigest()[:DIGEST]}"
    return value[: most - len(end)] + end


def fit_tags(tags: Mapping[str, str]) -> dict[str, str]:
    """Return tags with values that every store takes."""
    return {name: shorten(value, TAG_VALUE) for name, value in tags.items()}
