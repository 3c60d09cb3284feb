"""Tell the names of secrets from others: those of environment variables, of keys, and of parameters of an address."""

import re
from functools import lru_cache

RESULT_SECTIONS = frozenset(
    {"blend", "data", "evaluation", "model", "preprocessing", "search", "seed", "split", "target"}
)
"""The sections of a config that determine the result: a key of theirs is an argument, such as max_tokens."""
_CLEAR = re.compile(
    r"pass(?:w|phrase|code)|secret|token(?!i[sz]|_pattern)|credential|authorization|bearer|conn(?:ection)?_?str(?:ing)?\b"
    r"|(?:api|access|account|auth|client|encryption|host|master|private|shared|signing|storage|subscription)[_-]?key"
)
"""What names a secret in any name, of small letters."""
_WORDS = frozenset({"pwd", "pw", "otp", "sas", "jwt", "pat"})
"""What names a secret as a word of a name."""
_LAST = frozenset({"key", "sig", "signature", "auth", "pass", "cookie"})
"""What names a secret as the last word of a name that is more than a word of a sentence."""
_QUERIED = frozenset(
    {"code", "session", "sessionid", "ticket", "assertion", "sid", "jsessionid", "phpsessid", "hmac", "verifier"}
)
"""What names a secret in an address alone."""
_PLACES = frozenset({"file", "path", "dir", "folder", "home", "sock", "url", "uri", "endpoint", "type", "name"})
"""The last words of variables that say where a secret is, and hold none."""
_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")
_MOST = 200
"""Characters of a name; what is longer is none."""


@lru_cache(maxsize=4096)
def is_clear(name: str) -> bool:
    """Return whether a name alone says that its value is a secret, such as db_password."""
    return len(name) <= _MOST and bool(_CLEAR.search(name.lower()) or _WORDS & {*_split(name)})


@lru_cache(maxsize=4096)
def is_secret_key(name: str) -> bool:
    """Return whether a dotted key is one of a secret, such as vars.db.key; one that determines the result is none."""
    first, _, below = name.partition(".")
    if first in RESULT_SECTIONS and below:
        return False
    if any(map(is_clear, name.split("."))):
        return True
    return bool(below) and _ends_in(name, _LAST)


@lru_cache(maxsize=4096)
def is_secret_parameter(name: str) -> bool:
    """Return whether a parameter of an address is a secret, such as sig."""
    return is_clear(name) or _ends_in(name, _LAST | _QUERIED)


def is_secret_variable(name: str) -> bool:
    """Return whether an environment variable holds a secret: MY_TOKEN does, PWD and MY_TOKEN_FILE do not."""
    words = _split(name)
    if name in ("PWD", "OLDPWD") or not words or words[-1] in _PLACES:
        return False
    return is_clear(name) or words[-1] in _LAST


def _ends_in(name: str, words: frozenset[str]) -> bool:
    return len(name) <= _MOST and bool(words & {*_split(name)[-1:]})


def _split(name: str) -> list[str]:
    return [word.lower() for word in _WORD.findall(name)]
