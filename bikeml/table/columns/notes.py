"""Tell in a few lines what was decided of the columns."""

from collections.abc import Iterable, Mapping

from bikeml.config.data import DataConfig
from bikeml.table.columns.kinds import COLUMN, Kind
from bikeml.table.reading.cells import IN_BRACKETS
from bikeml.table.reading.dates import is_day_first, is_time_of_day

NAMES_SHOWN = 6
ROLES = ("numeric", "categorical", "date", "text")


def tell_columns(data: DataConfig, kinds: Mapping[str, Kind]) -> str:
    """Return a line that counts the columns of each role and names those that are left out."""
    counts = [f"{len(names)} {role}" for role in ROLES if (names := data.roles[role])]
    left_out = tell_left_out(kinds)
    return f"columns  {', '.join(counts)}" + (f"; left out: {left_out}" if left_out else "")


def tell_left_out(kinds: Mapping[str, Kind]) -> str:
    """Return the columns that are left out, each with the reason."""
    return shorten([f"{name} ({kind.reason})" for name, kind in kinds.items() if kind.role == "ignored"])


def tell_kinds(kinds: Mapping[str, Kind]) -> list[str]:
    """Return a line for each thing to know of the columns that are used, however many share it."""
    columns: dict[str, list[str]] = {}
    for name, kind in kinds.items():
        for note in [*_tell_numbers(kind), *_tell_dates(kind), *kind.notes] if kind.role != "ignored" else []:
            columns.setdefault(note, []).append(repr(name))
    return [note.replace(COLUMN, shorten(names)) for note, names in columns.items()]


def shorten(names: Iterable[str]) -> str:
    """Return names separated by commas, the first ones if they are many."""
    names = list(names)
    more = len(names) - NAMES_SHOWN
    return ", ".join(names) if more <= 1 else f"{', '.join(names[:NAMES_SHOWN])} and {more:,} more"


def _tell_numbers(kind: Kind) -> Iterable[str]:
    if kind.unit == IN_BRACKETS:
        yield f"{COLUMN}: (3.1) is read as -3.1, as accountants write it"
    elif kind.unit:
        yield f"{COLUMN}: {kind.unit!r} beside its numbers is their unit"
    if kind.gaps and kind.role != "date":
        words = ", ".join(map(repr, kind.gaps))
        yield f"{COLUMN}: {words} among its numbers {'is' if len(kind.gaps) == 1 else 'are'} read as a gap"


def _tell_dates(kind: Kind) -> Iterable[str]:
    if kind.role != "date" or not kind.formats:
        return
    first, *others = kind.formats
    if others:
        yield (
            f"{COLUMN}: day and month cannot be told apart, so dates are read as {first}; if they are {others[0]}, set "
            "data.date_format"
        )
    elif is_day_first(first):
        yield f"{COLUMN}: the day stands first in its dates, read as {first}"
    elif is_time_of_day(first):
        yield f"{COLUMN}: times of day are read as dates of one day"
    if kind.gaps:
        yield f"{COLUMN}: {', '.join(map(repr, kind.gaps))} among its dates is read as a gap"
