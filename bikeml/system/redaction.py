"""Take secrets out of text before it is shown or recorded."""

import re

_USER = re.compile(r"(?<=://)[^/@'\"\n]+@")
_QUERY = re.compile(r"(?<=[?&])([\w.-]*(?:sig|token|secret|password|key|credential)[\w.-]*)=[^&\s'\"]+", re.IGNORECASE)


def redact(text: str) -> str:
    """Return `text` with ``***`` for the user part of URLs and for the signatures and keys in their queries."""
    return _QUERY.sub(r"\1=***", _USER.sub("***@", text))
