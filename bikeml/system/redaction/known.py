"""Know the values that came in as secrets, and hide them wherever they show."""

import os
import re
from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from typing import Any

from bikeml.system.redaction.forms import Form, list_forms
from bikeml.system.redaction.names import is_secret_key, is_secret_parameter, is_secret_variable
from bikeml.system.redaction.places import find_places, list_texts, measure_user

MASK = "***"
LEAST = 8
"""Characters of a value that is hidden wherever it shows: a shorter one may be a part of any word."""
LONGEST, MOST_PARTS = 200, 100
"""Characters of a value that is looked for as a whole; of a longer one its parts are, such as the lines of a key."""
_NAMES = frozenset(
    {"password", "passwords", "passphrase", "passcode", "credential", "credentials", "authorization", "required"}
    | {"connection_string", "connectionstring", "access_key", "account_key", "secret_key", "private_key", "api_token"}
    | {"access_token", "auth_token", "client_secret", "undefined", "disabled"}
)
"""Words that would be hidden as names elsewhere, if someone writes one in place of a secret."""
_ADDRESS = re.compile(r"([a-zA-Z][\w+.-]{0,30})://(.+)", re.DOTALL)
_PAIRS = re.compile(r";(?=[\w .-]{1,40}=)")
_ITEM = re.compile(r"[^\s\[\]{},:'\"]+")
"""A value in a list or a mapping of Hydra's grammar."""
_QUOTES = "'\""


class _Known:
    """What this process has learned."""

    def __init__(self) -> None:
        self.values: dict[str, list[Form]] = {}
        self.forms: tuple[Form, ...] = ()
        self.spared = ""

    def add(self, values: Iterable[str]) -> None:
        """Learn values, unless they are short or spared, and sort the forms of all, the longest first."""
        new = {value for value in values if _is_telling(value) and value not in self.spared} - self.values.keys()
        if new:
            self.values |= {value: _list_forms(value) for value in new}
            self._sort()

    def spare(self, texts: Iterable[str]) -> None:
        """Forget what stands in these texts, and do not learn it."""
        self.spared = "\n".join(dict.fromkeys([*self.spared.split("\n"), *texts]))
        self.values = {value: forms for value, forms in self.values.items() if value not in self.spared}
        self._sort()

    def _sort(self) -> None:
        forms = (form for forms in self.values.values() for form in forms)
        self.forms = tuple(sorted(forms, key=lambda form: len(form.value), reverse=True))


_known = _Known()
_list_forms = lru_cache(maxsize=256)(list_forms)


def _is_telling(value: str) -> bool:
    return len(value) >= LEAST and value.lower() not in _NAMES


def redact(text: str, *, is_code: bool = False) -> str:
    """Return `text` with ``***`` for every secret: every known one, and at the places of secrets."""
    text = hide(text)  # first, since a place may end within a known one, at a quote or a blank
    if not (spans := find_places(text, is_code=is_code)):
        return text
    parts, position, values = [], 0, set()
    for start, end in spans:
        parts += [text[position:start], MASK]
        values |= {*_read_place(text, start, end)}
        position = end
    shown = "".join([*parts, text[position:]])
    for value in sorted(values - _known.values.keys(), key=len, reverse=True):
        if _is_telling(value) and value not in _known.spared:
            shown = _list_forms(value)[0].replace(shown, MASK)
    return shown


def hide(text: str, *, in_numbers: bool = True) -> str:
    """Return `text` with ``***`` for every known secret; a file of numbers keeps those that are nothing but digits."""
    for form in _known.forms:
        if in_numbers or not form.value.isdigit():
            text = form.replace(text, MASK)
    return text


def holds_known(text: str) -> bool:
    """Return whether a known secret stands in the text."""
    return any(form.occurs(text) for form in _known.forms)


def hide_values(values: Any) -> Any:  # noqa: ANN401  of the kind of `values`
    """Return plain values without known secrets in their texts, at any depth; keys and numbers stay as they are."""
    if isinstance(values, Mapping):
        return {key: hide_values(each) for key, each in values.items()}
    if isinstance(values, list | tuple):
        return [hide_values(each) for each in values]
    return hide(values) if isinstance(values, str) else values


def mask(values: object, key: str = "", *, is_secret: bool = False) -> Any:  # noqa: ANN401  of the kind of `values`
    """
    Return plain values with ``***`` for secrets, at any depth: those below a secret's key, and those in texts.

    `key` is the dotted key of the values. A text that determines the result stays as it is.
    """
    if isinstance(values, Mapping):
        below = {name: f"{key}.{name}" if key else str(name) for name in values}
        return {
            name: mask(each, below[name], is_secret=is_secret or is_secret_key(below[name]))
            for name, each in values.items()
        }
    if isinstance(values, list | tuple):
        return [mask(each, key, is_secret=is_secret) for each in values]
    if is_secret and not isinstance(values, bool | None):
        return MASK
    return redact(values) if isinstance(values, str) and values not in _known.spared else values


def learn(*inputs: object) -> None:
    """Learn the secrets of what came in: texts such as the words of a command, and the sections of a config."""
    _known.add(value for each in inputs for value in _find_values(each, "", is_secret=False))


def learn_environment() -> None:
    """Learn the secrets in the environment: variables with such names, and addresses with a password."""
    for name, value in os.environ.items():
        if is_secret_variable(name):
            if not _is_path(value):
                learn_value(value)
        elif "://" in value:
            learn(value)


def learn_value(value: str) -> None:
    """Learn a value that is a secret as a whole, such as a key that a service hands out."""
    _known.add(_find_values(value, "", is_secret=True))


def spare(*values: object) -> None:
    """Hide no text among these values, nor a part of one: they determine the result, such as the names of columns."""
    _known.spare(text for each in values for text in list_texts(each))


def recall() -> tuple[tuple[str, ...], str]:
    """Return what was learned and what is spared, for :func:`take_over` in a process that this one has started."""
    return tuple(_known.values), _known.spared


def take_over(values: Iterable[str], spared: str) -> None:
    """Know what another process knows: what it has recalled."""
    _known.spare(spared.split("\n"))
    _known.add(values)


def forget() -> None:
    """Forget all that was learned, as a new process has."""
    _known.__init__()  # type: ignore[misc]


def _find_values(value: object, key: str, *, is_secret: bool) -> Iterator[str]:
    """Yield the secrets among plain values at a dotted key."""
    if isinstance(value, Mapping):
        for name, each in value.items():
            below = f"{key}.{name}" if key else str(name)
            yield from _find_values(each, below, is_secret=is_secret or is_secret_key(below))
    elif isinstance(value, list | tuple):
        for each in value:
            yield from _find_values(each, key, is_secret=is_secret)
    elif is_secret and not isinstance(value, bool | None):
        yield from _read_values(str(value))
    if isinstance(value, str):
        yield from _find_in_text(value)


@lru_cache(maxsize=2048)
def _find_in_text(text: str) -> tuple[str, ...]:
    """Return the secrets in a text; the cells of a sweep have the same texts."""
    return tuple(_read_text(text))


def _read_text(text: str) -> Iterator[str]:
    for start, end in find_places(text):
        yield from _read_place(text, start, end)
    key, _, value = text.partition("=")
    for whole in (text, value.strip(_QUOTES)):  # whatever stands in the password of an address: blanks and quotes too
        found = _ADDRESS.fullmatch(whole)
        if found:
            start = found.start(2)
            yield from _read_place(whole, start, start + measure_user(found[1].lower(), found[2]))
    if value and is_secret_key(key.lstrip("+~")):
        yield from _read_values(value)


def _read_place(text: str, start: int, end: int) -> Iterator[str]:
    """Yield what may be meant by a place of a secret: of a user and a password both, and the password alone."""
    value = text[start:end]
    yield from _read_values(value)
    user, colon, password = value.partition(":")
    if colon and user and text[end : end + 1] == "@":
        yield from _read_values(password)
        yield from _read_values(password.partition("@")[0])


def _read_values(text: str) -> Iterator[str]:
    """Yield what a secret may mean: itself, without quotes and backslashes, decoded; and the secrets within it."""
    bare = text.strip(_QUOTES + " \t\r\n")
    texts = [text, bare, re.sub(r"\\(.)", r"\1", bare)]
    texts += [part for each in texts[1:] for part in _read_pairs(each)]
    texts += _ITEM.findall(bare) if bare[:1] in ("[", "{") else []
    for each in dict.fromkeys(texts):
        yield from _cut(each)
        if "%" in each:
            from urllib.parse import unquote, unquote_plus  # noqa: PLC0415  few need it

            yield from _cut(unquote(each))
            yield from _cut(unquote_plus(each))


def _read_pairs(text: str) -> Iterator[str]:
    """Yield the secrets of a connection string, such as AccountName=a;AccountKey=b; each may have a semicolon."""
    pairs = [pair.partition("=") for pair in _PAIRS.split(text)] if ";" in text else []
    yield from (value for name, _, value in pairs if is_secret_parameter(name))


def _cut(text: str) -> Iterator[str]:
    if len(text) <= LONGEST:
        yield text
        return
    for line in text.splitlines()[:MOST_PARTS]:
        yield from (line[start : start + LONGEST] for start in range(0, min(len(line), MOST_PARTS * LONGEST), LONGEST))


def _is_path(value: str) -> bool:
    """Whether a file or folder has this path; a password may begin with a slash too."""
    try:
        return os.path.isabs(value) and os.path.exists(value)  # noqa: PTH110, PTH117  pathlib's import takes longer
    except ValueError:
        return False
