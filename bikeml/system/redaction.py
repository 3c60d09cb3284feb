"""Take secrets out of text before it is shown or recorded."""

import re
from collections.abc import Mapping

MASK = "***"
_QUERIED = r"[\w.-]*(?:sig|token|secret|password|key|credential)[\w.-]*"
_USER = re.compile(r"(?<=://)[^/@'\"\n]+@")
_QUERY = re.compile(rf"(?<=[?&])({_QUERIED})=[^&\s'\"]+", re.IGNORECASE)
_NAME = r"(?:[\w.-]*[._-])?(?:\w*token|\w*secret|\w*password|\w*credentials?|api_?key|key|sig|connection_string)\d*"
_VARS = re.compile(rf"(')?(\+{{0,2}}\bvars\.{_NAME}=)(?(1)[^']*|\S+)", re.IGNORECASE)


def redact(text: str) -> str:
    """
    Return `text` with ``***`` for every secret that can be told from its place.

    These are the user part of URLs, the signatures and keys in their queries, and overrides of vars with such names.
    """
    shown = _QUERY.sub(rf"\1={MASK}", _USER.sub(f"{MASK}@", text))
    return _VARS.sub(lambda found: f"{found[1] or ''}{found[2]}{MASK}", shown)


def mask(values: object) -> object:
    """Return plain values with ``***`` for those whose key names a secret, such as password; at any depth."""
    if isinstance(values, Mapping):
        secret = re.compile(_NAME, re.IGNORECASE)
        return {key: MASK if secret.fullmatch(str(key)) else mask(each) for key, each in values.items()}
    return [mask(each) for each in values] if isinstance(values, list) else values
