"""Turn what a function of bikeml is given, overrides, a table and its target, into the overrides of a command."""

import os
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from numbers import Integral
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Literal, NamedTuple

from hydra.core.override_parser.overrides_parser import OverridesParser

from bikeml.api.frame import NAME, kept, list_categories, tell_index, to_table, write_table
from bikeml.config.composition import COMPOSITION_ERRORS, compose, explain
from bikeml.config.overrides import override
from bikeml.errors import BikemlError, ConfigError
from bikeml.system.redaction import redact
from bikeml.system.spelling import shorten

ROLES = ("data.numeric", "data.categorical")
SHOWN = "the DataFrame"
UNNAMED = "DataFrame"
"""The name of a table that came from no file."""
IN_PYTHON = {"data.target": "target", "data.path": "data"}
"""How the keys of a table are called that is given as `data` and `target`."""


@contextmanager
def command_words(
    words: Sequence[str], data: object, target: object, kind: Literal["run", "sweep"]
) -> Iterator[list[str]]:
    """
    Yield the overrides of a run or a sweep, those that name its table included.

    A DataFrame is stored in the folder of the run or the sweep, which one of the overrides names. Raises ConfigError
    if something is given twice or is of a wrong type, and DataError if the DataFrame cannot be stored.
    """
    named = name_table(words, data, target)
    if data is None or isinstance(data, str | os.PathLike):
        with one_message(given=data is not None):
            yield named
        return
    table, folder = to_table(data), _find_folder(words, kind)
    tell_index(data)
    with kept(table, folder) as file, one_message(file):
        own = [override("data.path", str(file)), override(f"hydra.{kind}.dir", str(folder))]
        yield [*named, *own, *name_categories(words, list_categories(table))]


class TableFile(NamedTuple):
    """The file of a table."""

    path: str
    categories: list[str]
    """The columns whose type in a DataFrame says that they are categories."""


@contextmanager
def as_file(data: object) -> Iterator[TableFile]:
    """
    Yield the file of a table that is only read: the path that is given, or where a DataFrame is stored meanwhile.

    Raises ConfigError and DataError as :func:`bikeml.api.frame.to_table` does.
    """
    if isinstance(data, str | os.PathLike):
        with one_message(given=True):
            yield TableFile(str(os.fspath(data)), [])
        return
    table = to_table(data)
    with TemporaryDirectory(prefix="bikeml-") as folder:
        file = write_table(table, Path(folder))
        with one_message(file):
            yield TableFile(str(file), list_categories(table))


@contextmanager
def one_message(file: Path | None = None, *, given: bool = False) -> Iterator[None]:
    """
    Let the errors of the block hold no secret, and say what to do in Python.

    `file` is where a DataFrame is stored; with it, or `given`, the caller has named the table as `data`.
    """
    try:
        yield
    except BikemlError as error:
        text = redact(str(error))
        if file is not None:
            text = name_frame(text, file.parent)
        for key, argument in IN_PYTHON.items() if given or file is not None else ():
            text = text.replace(f"set {key}", f"set {argument}")
        error.args = (text,)
        raise


def name_frame(text: str, folder: Path) -> str:
    """Return a text that calls a DataFrame which is stored in `folder` by what it is, not by its file."""
    file = re.escape(f"{folder / NAME}").replace(re.escape("{}"), r"[0-9a-f]+")
    return re.sub(f"{file}|'{file}'", SHOWN, text)


def refuse_keywords(function: str, given: Mapping[str, object]) -> None:
    """Raise ConfigError if a function is given a value of the config by its name, which is no name in Python."""
    for key, value in given.items():
        word = shorten(f"{key}={value}") if isinstance(value, str | int | float) else f"{key}=VALUE"
        raise ConfigError(
            f"bikeml.{function} takes no argument {key}=; an override is text: bikeml.{function}({word!r}), and "
            "help(bikeml) lists the functions with their arguments"
        )


def name_table(words: Sequence[str], data: object, target: object) -> list[str]:
    """Return the overrides with those that choose the table and the target, but for the path of a DataFrame."""
    check_words(words, "; the column to predict is target={!r}")
    keys = {word.partition("=")[0].lstrip("+"): word for word in words}
    for value, name, twins in ((data, "data", ("data", "data.path")), (target, "target", ("data.target",))):
        twice = next((keys[twin] for twin in twins if value is not None and twin in keys), None)
        if twice is not None:
            raise ConfigError(f"{name} is given twice: as {name}=... and as {twice!r}; leave one of them out")
    named = list(words)
    if data is not None:
        named.append("data=csv")
    if isinstance(data, str | os.PathLike):
        named.append(override("data.path", os.fspath(data)))
    elif data is not None and "data.name" not in keys:
        named.append(f"data.name={UNNAMED}")
    if target is not None:
        named.append(override("data.target", _read_target(target)))
    return named


def check_words(words: Sequence[object], advice: str = "") -> None:
    """Raise ConfigError for the first word that is no override; `advice` may name a word that stands alone."""
    wrong = next((word for word in words if not isinstance(word, str)), None)
    if wrong is not None:
        raise ConfigError(
            f"an override should be text, such as 'model=rf', and this is a {type(wrong).__name__}; give a table as "
            "data=..., and the column to predict as target=..."
        )
    dashed = next((word for word in words if str(word).startswith("-")), None)
    if dashed is not None:
        raise ConfigError(f"{dashed!r} is an option of the command line; here are overrides only, such as 'model=rf'")
    plain = next((word for word in words if "=" not in str(word) and not str(word).startswith("~")), None)
    if plain is not None:
        raise ConfigError(
            f"cannot read the override {plain!r}; write key=value, such as 'model=rf'{advice.format(plain)}"
        )


def _read_target(target: object) -> str:
    if isinstance(target, bool) or not isinstance(target, str | Integral):
        raise ConfigError(
            f"target is a {type(target).__name__}; it should be the name of a column of data, such as 'price'; to add "
            "a column: data.assign(price=...)"
        )
    return str(target)


def name_categories(words: Sequence[str], names: Sequence[str]) -> list[str]:
    """Return the override for the columns of categories, unless the caller says which columns are what."""
    is_said = any(word.startswith(ROLES) for word in words)
    return [] if is_said or not names else [override("data.categorical", names)]


def _find_folder(words: Sequence[str], kind: Literal["run", "sweep"]) -> Path:
    """Return the folder of a run or a sweep, from the overrides that can say it: Hydra's, and a recipe."""
    try:
        parsed = OverridesParser.create().parse_overrides(list(words))
    except COMPOSITION_ERRORS as error:
        raise explain(error) from error
    single = [each for each in parsed if not each.is_sweep_override()]
    says = [each for each in single if each.key_or_group == "experiment" or each.key_or_group.startswith("hydra")]
    composed = compose([str(each.input_line) for each in says])
    return Path(str(composed.hydra[kind].dir)).absolute()
