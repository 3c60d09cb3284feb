"""Turn what a function of bikeml is given, overrides, a table and its target, into the overrides of a command."""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from numbers import Integral
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Literal, NamedTuple

from hydra.core.override_parser.overrides_parser import OverridesParser

from bikeml.api.frame import kept, list_categories, tell_index, to_table, write_table
from bikeml.config.composition import COMPOSITION_ERRORS, compose, explain
from bikeml.config.overrides import override
from bikeml.errors import BikemlError, ConfigError
from bikeml.system.redaction import redact

ROLES = ("data.numeric", "data.categorical")
SHOWN = "the DataFrame"


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
        with one_message():
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
        with one_message():
            yield TableFile(str(os.fspath(data)), [])
        return
    table = to_table(data)
    with TemporaryDirectory(prefix="bikeml-") as folder:
        file = write_table(table, Path(folder))
        with one_message(file):
            yield TableFile(str(file), list_categories(table))


@contextmanager
def one_message(file: Path | None = None) -> Iterator[None]:
    """Let the errors of the block hold no secret, and call the `file` in which a DataFrame is stored by what it is."""
    try:
        yield
    except BikemlError as error:
        text = redact(str(error))
        if file is not None:
            text = text.replace(repr(str(file)), SHOWN).replace(str(file), SHOWN)
        error.args = (text,)
        raise


def name_table(words: Sequence[str], data: object, target: object) -> list[str]:
    """Return the overrides with those that choose the table and the target, but for the path of a DataFrame."""
    check_words(words)
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
    if target is not None:
        named.append(override("data.target", _read_target(target)))
    return named


def check_words(words: Sequence[object]) -> None:
    """Raise ConfigError for the first word that is no override."""
    wrong = next((word for word in words if not isinstance(word, str)), None)
    if wrong is not None:
        raise ConfigError(
            f"an override should be text, such as 'model=rf', and this is a {type(wrong).__name__}; give a table as "
            "data=..."
        )
    dashed = next((word for word in words if str(word).startswith("-")), None)
    if dashed is not None:
        raise ConfigError(f"{dashed!r} is an option of the command line; here are overrides only, such as 'model=rf'")


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
