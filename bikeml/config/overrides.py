"""Write any value as an override that Hydra, OmegaConf and a shell read as that value."""

import re
import shlex
from collections.abc import Collection, Iterable, Mapping, Sequence
from contextlib import suppress

import yaml
from hydra.core.override_parser.types import Quote, QuotedString
from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException

_PLAIN = re.compile(r"(?!(true|false|null|nan|inf)$)(\.{0,2}/|[A-Za-z_])[\w./:@+-]*", re.IGNORECASE | re.ASCII)
_ESCAPED = re.compile(r"\$\\\{(?:[^\\\[\]]|\\.)*\\\}")
"""An interpolation whose characters have backslashes, and what stands between two in one value."""
ONCE = ("hydra.run.dir", "hydra.sweep.dir", "open")
"""The keys of a command that the next one does not repeat: the folder that it wrote to, and that it opened a page."""
NULL = "${oc.decode:null}"
"""The value null as choice() takes it: Hydra's grammar has no choice(null)."""
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_NO_TEXT = re.compile(r"[-+.]?\d[\w.:+-]*|y|yes|n|no|true|false|on|off|null|~", re.IGNORECASE | re.ASCII)


def escape(value: object) -> object:
    r"""Return a plain value with ``${`` as ``\${`` in its texts, so that OmegaConf finds no interpolation."""
    if isinstance(value, str):
        return re.sub(r"(\\*)\$\{", r"\1\1\\${", value)
    if isinstance(value, Mapping):
        return {key: escape(each) for key, each in value.items()}
    return [escape(each) for each in value] if isinstance(value, list) else value


def override(key: str, value: str | Sequence[str]) -> str:
    """Return the override that sets `key` to a text or to a list of texts."""
    return f"{key}={quote(value)}"


def literal(value: object) -> str:
    """Return any plain value in Hydra's grammar."""
    if isinstance(value, Mapping):
        return f"{{{','.join(f'{literal(key)}:{literal(each)}' for key, each in value.items())}}}"
    if isinstance(value, list):
        return f"[{','.join(map(literal, value))}]"
    if isinstance(value, str):
        return quote(value)
    return "null" if value is None else str(value)


def as_typed(word: str) -> str:
    r"""Return an override of a cell with ``${seed}`` for ``$\{seed\}``, as Hydra's sweepers escape it."""
    key, equals, value = word.partition("=")
    if value[:1] in ("'", '"') or "$\\{" not in value:
        return word
    typed = _ESCAPED.sub(lambda found: re.sub(r"\\(.)", r"\1", found[0]), value)
    return key + equals + ("null" if typed == NULL else typed)


def quote(value: str | Sequence[str]) -> str:
    """Return a text or a list of texts in Hydra's grammar; quote what is not a plain word or path."""
    if not isinstance(value, str):
        return f"[{','.join(map(quote, value))}]"
    return value if _PLAIN.fullmatch(value) else str(QuotedString(str(escape(value)), Quote.double).with_quotes())


def shell(*words: str) -> str:
    """Return words as one line that bash reads as these words, with any characters in them."""
    return " ".join(map(_quote_for_shell, words))


def _quote_for_shell(word: str) -> str:
    if not _CONTROL.search(word):
        return shlex.quote(word)
    escaped = word.replace("\\", r"\\").replace("'", r"\'")
    return "$'" + _CONTROL.sub(lambda found: f"\\x{ord(found[0]):02x}", escaped).replace(r"\x0a", r"\n") + "'"


def as_one_line(command: str) -> str:
    """Return a recorded command as one line for bash, even if there are line breaks in its words."""
    try:
        return shell(*shlex.split(command)) if _CONTROL.search(command) else command
    except ValueError:  # it is not a command of ours
        return command


def change_command(command: str, *changes: str, once: Collection[str] = ONCE) -> str:
    """
    Return a recorded command of bikeml with overrides, without those that they replace and those of the keys `once`.

    Empty if the record has none, or one that no shell reads, such as a call from Python.
    """
    try:
        words = shlex.split(command)
    except ValueError:
        return ""
    if not words or words[0].startswith("bikeml."):
        return ""
    changed = [change.partition("=")[0] for change in changes if "=" in change]
    replaced, groups = {*changed, *once}, tuple(f"{key}." for key in changed)
    return shell(*(word for word in words if not _sets(word, replaced, groups)), *changes)


def _sets(word: str, keys: set[str], groups: tuple[str, ...]) -> bool:
    """Return whether a word of a command sets one of the keys, or a key of one of the groups."""
    if "=" not in word or word.startswith("-"):  # it names a source of the config
        return False
    key = word.partition("=")[0].lstrip("+~")
    return key in keys or key.startswith(groups)


def read_bare(word: str) -> object:
    """Return the value of a word that stands in a YAML file without quotes: 12:30 is 750 there, and no is False."""
    if _NO_TEXT.fullmatch(word):
        with suppress(yaml.YAMLError, OmegaConfBaseException, ValueError):
            return next(iter(OmegaConf.to_container(OmegaConf.create(f"[{word}]")) or ()))
    return word


def say_to_quote(words: Iterable[str], value: object) -> str:
    """Return ``; YAML reads no as False: write "no" in quotes`` for the first of `words` that reads as `value`."""
    word = next((word for word in words if word != value and read_bare(word) == value), None)
    return "" if word is None else f'; YAML reads {word} as {value}: write "{word}" in quotes'
